package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"dss.example/common/blob"
	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// Branch is where checkpoints stand.
const Branch = "checkpoints"

// Bounds of how many checkpoints are kept.
const (
	DefaultKeep = 16
	MaxKeep     = 256
)

// Errors of a Keeper.
var (
	// ErrMalformed is a snapshot on the branch that is no checkpoint.
	ErrMalformed = errors.New("not a checkpoint")
	// ErrKeep is a number of checkpoints to keep that is out of range.
	ErrKeep = errors.New("number of checkpoints to keep out of range")
)

const (
	kind    = "checkpoint"
	version = 1
)

// record is the root of a checkpoint.
type record struct {
	Version uint64  `cbor:"v"`
	Kind    string  `cbor:"kind"`
	Number  uint64  `cbor:"number"`
	Seq     uint64  `cbor:"seq"`
	Now     int64   `cbor:"now"`
	Oldest  uint64  `cbor:"oldest"`
	Present uint64  `cbor:"present"`
	State   blob.ID `cbor:"state"`
}

// Checkpoint says what a state is of.
type Checkpoint struct {
	ID     blob.ID      // of its snapshot, while nothing before it is let go
	Number uint64       // 1 for the first that was ever taken, and so on
	Seq    uint64       // of the last record that is in it
	Now    machine.Time // by the clock of the machine inside
	Time   time.Time    // when it was taken; later than the one before

	// Oldest and Present are the revisions that the state can tell of, both included;
	// both are 0 if it knows none (see Revised).
	Oldest, Present uint64

	root, state blob.ID
}

// Revised is a View that tells which revisions of the state can be read from it.
type Revised interface {
	Revisions() (oldest, present uint64)
}

// Keeper keeps checkpoints in a store of blobs. One goroutine uses it at a time, but for
// Kept and State, which any may.
type Keeper struct {
	blobs   blob.Store
	history history.History
	keep    int
	kept    atomic.Pointer[[]Checkpoint] // the oldest first; never changed
	saved   size                         // of the state that was saved last; zero before
}

// size is what a state takes, or a part of the log: pairs, or records, and their bytes.
type size struct {
	pairs uint64
	bytes int64
}

// weight is one measure of both: what a pair costs beside its bytes.
func (s size) weight() int64 { return s.bytes + 128*int64(s.pairs) }

// Open returns the Keeper of a store, which keeps the newest checkpoints: 1 to MaxKeep of
// them, or 0 for DefaultKeep. Errors: those of the store and the heads; ErrMalformed; ErrKeep.
func Open(blobs blob.Store, heads history.Heads, keep int) (*Keeper, error) {
	if keep == 0 {
		keep = DefaultKeep
	}
	if keep < 1 || keep > MaxKeep {
		return nil, fmt.Errorf("%w: %d, want 1 to %d", ErrKeep, keep, MaxKeep)
	}
	k := &Keeper{blobs: blobs, history: history.New(blobs, heads), keep: keep}
	var kept []Checkpoint
	tip, err := k.history.Resolve(Branch, time.Now())
	switch {
	case errors.Is(err, history.ErrUnknown):
	case err != nil:
		return nil, fmt.Errorf("the newest checkpoint: %w", err)
	default:
		if kept, err = k.walk(tip); err != nil {
			return nil, err
		}
	}
	k.kept.Store(&kept)
	return k, nil
}

// walk returns the checkpoints of a branch, the oldest first.
func (k *Keeper) walk(tip blob.ID) (kept []Checkpoint, err error) {
	for e, err := range history.Log(k.blobs, tip) {
		if err != nil {
			return nil, fmt.Errorf("checkpoint %v: %w", e.ID, err)
		}
		c, err := k.read(e)
		if err != nil {
			return nil, err
		}
		kept = append(kept, c)
	}
	slices.Reverse(kept)
	return kept, nil
}

// read returns the checkpoint of a snapshot.
func (k *Keeper) read(e history.Entry) (Checkpoint, error) {
	var r record
	switch err := object.Load(k.blobs, e.Root, &r); {
	case errors.Is(err, object.ErrInvalid), errors.Is(err, object.ErrMismatch):
		return Checkpoint{}, fmt.Errorf("checkpoint %v: %w: %w", e.ID, ErrMalformed, err)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("checkpoint %v: %w", e.ID, err)
	case r.Kind != kind || r.Version != version:
		return Checkpoint{}, fmt.Errorf("checkpoint %v: %w: %.20q version %d, want %q version %d", e.ID, ErrMalformed, r.Kind, r.Version, kind, version)
	case r.Number == 0 || r.Oldest > r.Present:
		return Checkpoint{}, fmt.Errorf("checkpoint %v: %w: number %d, revisions %d to %d, want numbers from 1 and ascending revisions", e.ID, ErrMalformed, r.Number, r.Oldest, r.Present)
	}
	return Checkpoint{
		ID: e.ID, Number: r.Number, Seq: r.Seq, Now: machine.Time(r.Now), Time: time.Unix(0, e.Time),
		Oldest: r.Oldest, Present: r.Present, root: e.Root, state: r.State,
	}, nil
}

// Kept returns the checkpoints that are kept, the oldest first. It must not be changed.
func (k *Keeper) Kept() []Checkpoint { return *k.kept.Load() }

// Newest returns the newest checkpoint, nil if there is none. Its pairs are read while
// they are asked for. Errors: those of State.
func (k *Keeper) Newest() (*durable.Snapshot, error) {
	kept := k.Kept()
	if len(kept) == 0 {
		return nil, nil
	}
	return k.State(kept[len(kept)-1])
}

// State returns what a checkpoint holds. Its pairs are read while they are asked for; a
// checkpoint that is not kept any more may end in the middle with blob.ErrNotFound.
// Errors: those of the store.
func (k *Keeper) State(c Checkpoint) (*durable.Snapshot, error) {
	t, err := tree.Open(k.blobs, c.state)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %v: %w", c.ID, err)
	}
	return &durable.Snapshot{Seq: c.Seq, Now: c.Now, Pairs: k.pairs(t)}, nil
}

// Load returns what the checkpoint of a snapshot holds, as State does. Errors: also
// history.ErrMalformed, ErrMalformed.
func (k *Keeper) Load(id blob.ID) (*durable.Snapshot, error) {
	s, err := history.Load(k.blobs, id)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %v: %w", id, err)
	}
	c, err := k.read(history.Entry{ID: id, Snapshot: s})
	if err != nil {
		return nil, err
	}
	return k.State(c)
}

// Save keeps a state, taken at the given time, and lets go of the oldest if there are too
// many. It is durable then, and the machine may be told so (durable.Kept). Errors: those of
// the store and the heads; history.ErrConflict if somebody else has moved the branch.
func (k *Keeper) Save(t durable.Taken, at time.Time) (Checkpoint, error) {
	if t.View == nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: there is no state: %s", t.Refused)
	}
	c := Checkpoint{Number: 1, Seq: t.Seq, Now: t.Now, Time: at}
	kept := k.Kept()
	if n := len(kept); n > 0 {
		newest := kept[n-1]
		c.Number = newest.Number + 1
		if !at.After(newest.Time) {
			c.Time = newest.Time.Add(1)
		}
	}
	if v, ok := t.View.(Revised); ok {
		c.Oldest, c.Present = v.Revisions()
	}
	if err := k.build(t.View, &c); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	next, err := k.link(kept, c)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	k.kept.Store(&next)
	return next[len(next)-1], nil
}

// link sets the branch to the newest of kept, with c behind them, and returns those.
func (k *Keeper) link(kept []Checkpoint, c Checkpoint) ([]Checkpoint, error) {
	var tip blob.ID
	if n := len(kept); n > 0 {
		tip = kept[n-1].ID
	}
	next := append(slices.Clone(kept), c)
	anew := len(next) - 1 // those before it stand as they are
	if over := len(next) - k.keep; over > 0 {
		next, anew = slices.Clone(next[over:]), 0
	}
	for i := anew; i < len(next); i++ {
		var before []blob.ID
		if i > 0 {
			before = []blob.ID{next[i-1].ID}
		}
		id, err := history.Save(k.blobs, next[i].snapshot(before))
		if err != nil {
			return nil, err
		}
		next[i].ID = id
	}
	return next, k.history.SetBranch(Branch, tip, next[len(next)-1].ID)
}

func (c Checkpoint) snapshot(before []blob.ID) history.Snapshot {
	return history.Snapshot{
		Root: c.root, Parents: before, Time: c.Time.UnixNano(), Author: "kvd",
		Message: fmt.Sprintf("the state after record %d", c.Seq),
	}
}

// Needless returns the last record that neither recovery needs nor whoever goes on from the
// oldest checkpoint that is kept: up to there the log may be trimmed. 0: it is needed whole.
func (k *Keeper) Needless() uint64 {
	if kept := k.Kept(); len(kept) > 0 && kept[0].Number > 1 {
		return kept[0].Seq
	}
	return 0
}
