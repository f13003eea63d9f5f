package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
)

// Head is the name of the head that leads to the list of the condemned.
const Head = "gc/condemned"

// DefaultLive is the share of a pack that must be alive for the pack to stay as it is.
const DefaultLive = 0.5

// MaxCondemned bounds the list of the condemned. It takes 48 bytes of memory for each.
// What finds no room on it is condemned by a later collection.
const MaxCondemned = 1 << 24

// Errors of Run.
var (
	// ErrOptions is an option out of range.
	ErrOptions = errors.New("option of the collection out of range")
	// ErrList is a list of the condemned that cannot be read.
	ErrList = errors.New(`list of the condemned cannot be read: delete the head "` + Head + `", and the grace begins anew`)
)

// Options says how careful a Run is. The zero Options delete at once whatever nothing
// leads to: they are for a store that nobody else puts into.
type Options struct {
	DryRun bool             // count only: change nothing
	Grace  time.Duration    // how long a blob must have been condemned; 0: not at all, and there is no list
	Live   float64          // compact packs of which a smaller share lives, above 0 to 1; 0 is DefaultLive
	Now    func() time.Time // the clock; nil is time.Now

	// Progress, if any, is called at the begin of each phase and now and then in it. It
	// may use the store.
	Progress func(Stats)
}

// Phase is how far a Run is.
type Phase string

// The phases, in their order.
const (
	Marking    Phase = "marking"
	Sweeping   Phase = "sweeping"
	Compacting Phase = "compacting"
)

// Stats tells how far a Run is, and at its end what it has done.
type Stats struct {
	Phase      Phase
	Blobs      int // in the store when the Run began
	Heads      int // all but that of the list
	Reached    int // blobs that heads lead to
	Young      int // blobs that were put too lately to be asked about
	Condemned  int // blobs on the list, for which it is too early
	Swept      int // blobs deleted
	SweptBytes int64
	Compact    pack.CompactStats
}

// Run collects the garbage of a store once; the package comment says what is spared. The
// heads are all that lead into blobs. Puts, commits and reads go on meanwhile. A second
// Run does not: one of the two may end with head.ErrConflict.
//
// With a Grace, what was put before the first mark of blobs counts as put then, for nobody
// can tell. Whoever opens a store takes a mark, so that this is only what was there
// (datadir.OpenStore does).
//
// It may be stopped, or crash, at any time, and loses nothing but what it was free to
// delete; the next Run does the rest. That one marks anew, and goes on with the list.
//
// A dry run changes nothing, and tells what a Run would do if nobody had put anything
// since the store was opened.
//
// Nothing is deleted if a head is damaged, or an object on the way from the heads is
// damaged or missing, for nobody knows what it led to. Errors: those, as head.ErrCorrupt,
// blob.ErrCorrupt, blob.ErrNotFound, object.ErrInvalid; ErrList; ErrOptions;
// history.ErrTooMany; with a Grace head.ErrTooMany, if the list finds no room among the
// heads; ctx's; those of the store and the heads.
func Run(ctx context.Context, blobs *pack.Store, heads *head.Store, o Options) (Stats, error) {
	o, err := o.check()
	if err != nil {
		return Stats{}, err
	}
	c := &collection{
		ctx: ctx, blobs: blobs, heads: heads, o: o, now: o.Now().UnixNano(),
		stats: Stats{Blobs: blobs.Stats().Blobs}, reached: map[blob.ID]struct{}{},
	}
	if err := c.run(); err != nil {
		return c.stats, fmt.Errorf("collect: %s: %w", c.stats.Phase, err)
	}
	return c.stats, nil
}

// check returns the options with their defaults, or ErrOptions.
func (o Options) check() (Options, error) {
	if o.Live == 0 {
		o.Live = DefaultLive
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Grace < 0:
		return o, fmt.Errorf("%w: grace %v, want 0 or more", ErrOptions, o.Grace)
	case !(o.Live > 0 && o.Live <= 1):
		return o, fmt.Errorf("%w: live %v, want above 0 to 1", ErrOptions, o.Live)
	}
	return o, nil
}

// collection is one Run.
type collection struct {
	ctx     context.Context
	blobs   *pack.Store
	heads   *head.Store
	o       Options
	now     int64 // in nanoseconds since 1970
	stats   Stats
	reached map[blob.ID]struct{}
	list    list    // as it was when the Run began
	next    []entry // as it will be, so far as the sweep has come
}

// run goes through the phases. The mark comes before the first look at the heads.
func (c *collection) run() error {
	if err := c.enter(Marking); err != nil {
		return err
	}
	if c.o.DryRun {
		return c.dryRun()
	}
	if err := c.loadList(); err != nil {
		return err
	}
	m, err := c.blobs.Mark()
	if err != nil {
		return err
	}
	if err = c.mark(); err == nil {
		err = c.enter(Sweeping)
	}
	if err != nil {
		return errors.Join(err, c.keepList(m, blob.ID{}))
	}
	if err := c.sweep(m); err != nil {
		return err
	}
	if err := c.enter(Compacting); err != nil {
		return err
	}
	return c.compact()
}

// enter begins a phase, unless the context is at its end.
func (c *collection) enter(p Phase) error {
	c.stats.Phase = p
	c.tell()
	return c.ctx.Err()
}

// tell reports how far the collection is.
func (c *collection) tell() {
	if c.o.Progress != nil {
		c.o.Progress(c.stats)
	}
}

// compact gives back the space of what was swept, now and before.
func (c *collection) compact() error {
	_, err := c.blobs.Compact(c.ctx, pack.CompactOptions{Live: c.o.Live, Progress: func(st pack.CompactStats) {
		c.stats.Compact = st
		c.tell()
	}})
	return err
}

// dryRun counts. It takes no mark: that would age, for the next Run, what was put lately.
func (c *collection) dryRun() error {
	if err := errors.Join(c.loadList(), c.mark(), c.enter(Sweeping)); err != nil {
		return err
	}
	for after := (blob.ID{}); ; {
		infos, err := c.blobs.List(after, blob.MaxBatch)
		if err != nil || len(infos) == 0 {
			return err
		}
		for _, info := range infos {
			if after = info.ID; !c.isNeeded(info.ID) {
				c.stats.Swept++
				c.stats.SweptBytes += info.Size
			}
		}
		c.stats.Condemned = len(c.next)
		if err := c.enter(Sweeping); err != nil {
			return err
		}
	}
}
