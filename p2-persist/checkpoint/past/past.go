// Package past answers reads at revisions that a durable machine does not remember any more.
//
// The machine's table remembers its last changes, thousands of them, and says Compacted of
// what is older. Then a [Store] makes a second machine, a past: it loads the newest
// checkpoint at or before the revision and steps through the log's records behind that until
// it is there. A past forgets nothing of what it has gone through, so it answers for every
// revision from its checkpoint on to where it has got, and goes on from there for a later one.
//
//	checkpoints   c5 ─────────────── c6 ─────────────── c7          the machine
//	log           ├─┬─┬─┬─┬─┬─┬─┬─┬─┬┼─┬─┬─┬─┬─┬─┬─┬─┬─┬─┼─┬─┬─┬─┬─┬─▶ │
//	              └── a past ──▶ rev 1234
//
// All this happens in the goroutine of whoever asks, beside the machine, which never waits
// for it: what the log has durably and what blobs hold does not change.
//
// # How far back
//
// To the oldest revision that the oldest checkpoint that is kept knows of; to the very first
// one while the first checkpoint is kept. What is older answers Compacted and names that
// revision. Stat names it too.
//
// # Bounds
//
// A past is as large as the state was. At most Config.Readers of them are at work at a time,
// at most Config.Waiting readers wait for their turn, and one more is Overloaded. Pasts that
// were read are kept for the next reader, at most Config.Open of them and together
// Config.Bytes. A reader that is cancelled gives up at once.
package past

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"dss.example/common/blob"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/wal"
)

// Inside is a machine that a past is made of: one like that of the present, which remembers
// more.
type Inside interface {
	durable.Inside
	checkpoint.Revised
}

// Present is the store of the machine itself.
type Present interface {
	kv.Store

	// Lend is Do for one who only reads the Response.
	Lend(ctx context.Context, req *kv.Request) *kv.Response

	// Submit is Lend without waiting: then is told the Response, once. False: nothing is
	// done, and it must be waited for.
	Submit(req *kv.Request, then func(*kv.Response)) bool

	Close() error
}

// Config says what a Store stands on. All but the bounds are required.
type Config struct {
	Present  Present
	Keeper   *checkpoint.Keeper
	Journal  *checkpoint.Journal
	Protocol *machine.Protocol // the durable machine's, to decode its records
	Self     machine.Addr      // the machine's

	// Inside makes a machine that remembers every change that it goes through.
	Inside func() Inside

	// Read passes on records of the log, as wal.Read does.
	Read func(from, to uint64, fn func(seq uint64, record []byte) error) error

	Readers int   // default 2
	Waiting int   // default 64
	Open    int   // default 4
	Bytes   int64 // default 64 MiB
}

// withDefaults returns c with zero and negative bounds replaced.
func (c Config) withDefaults() Config {
	for _, f := range []struct {
		field    *int
		standard int
	}{{&c.Readers, 2}, {&c.Waiting, 64}, {&c.Open, 4}} {
		if *f.field <= 0 {
			*f.field = f.standard
		}
	}
	if c.Bytes <= 0 {
		c.Bytes = 64 << 20
	}
	return c
}

// Store is a kv.Store of the present that reads the past too.
type Store struct {
	Present
	config Config
	cache  cache

	ctx     context.Context // of all readers: ends with Close
	cancel  context.CancelFunc
	turns   chan struct{} // holds a token for each reader at work
	waiting atomic.Int64  // for a turn, or at work
}

// New returns a Store. Close ends its readers, waits for them, and closes the present. It is
// called once.
func New(c Config) *Store {
	c = c.withDefaults()
	s := &Store{Present: c.Present, config: c, cache: cache{open: c.Open, bytes: c.Bytes}, turns: make(chan struct{}, c.Readers)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close implements Present.
func (s *Store) Close() error {
	s.cancel()
	for range s.config.Readers { // none is at work, and none will be
		s.turns <- struct{}{}
	}
	return s.Present.Close()
}

// Do implements kv.Store. The Response is the caller's alone.
func (s *Store) Do(ctx context.Context, req *kv.Request) *kv.Response {
	return s.Lend(ctx, req).Clone()
}

// Lend implements Present.
func (s *Store) Lend(ctx context.Context, req *kv.Request) *kv.Response {
	resp := s.Present.Lend(ctx, req)
	switch {
	case resp.Status == kv.Compacted && !req.At.IsZero():
		return s.read(ctx, req, resp)
	case resp.Status == kv.OK:
		if stats, ok := resp.Result.(kv.Stats); ok {
			return s.amend(resp, stats)
		}
	}
	return resp
}

// Submit implements Present for what the present alone can answer.
func (s *Store) Submit(req *kv.Request, then func(*kv.Response)) bool {
	_, isStat := req.Op.(kv.Stat)
	return !isStat && req.At.IsZero() && s.Present.Submit(req, then)
}

// amend lets the answer to Stat tell what all can be read.
func (s *Store) amend(resp *kv.Response, stats kv.Stats) *kv.Response {
	amended := *resp
	stats.Oldest.Lo = min(stats.Oldest.Lo, s.oldest())
	amended.Result = stats
	return &amended
}

// oldest returns the oldest revision that can be read.
func (s *Store) oldest() uint64 {
	oldest, _ := s.bases()[0].span()
	return oldest
}

// read answers a read of the past, of which the present has said Compacted. What else there
// was to say to its session is said.
func (s *Store) read(ctx context.Context, req *kv.Request, present *kv.Response) *kv.Response {
	rev := req.At.Lo
	if oldest := s.oldest(); rev < oldest {
		return answer(kv.Refuse(kv.Compacted, "revision %s: the oldest one kept is %d", req.At, oldest), present)
	}
	if s.waiting.Add(1) > int64(s.config.Readers+s.config.Waiting) {
		s.waiting.Add(-1)
		return answer(kv.Refuse(kv.Overloaded, "%d reads of old revisions wait: at most %d", s.config.Waiting, s.config.Waiting), present)
	}
	defer s.waiting.Add(-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return answer(kv.Refuse(kv.Unavailable, "revision %s: %v", req.At, ctx.Err()), present)
	}
	return answer(s.at(ctx, rev, req), present)
}

// answer completes a response with what the present says of itself.
func answer(resp, present *kv.Response) *kv.Response {
	completed := *resp
	completed.Rev, completed.Stable, completed.Token = present.Rev, present.Stable, present.Token
	return &completed
}

// attempts bounds how often a past is begun anew because what it is read from went.
const attempts = 3

// at answers a read from a past that knows the revision.
func (s *Store) at(ctx context.Context, rev uint64, req *kv.Request) *kv.Response {
	for attempt := 1; ; attempt++ {
		p, err := s.reach(ctx, rev)
		if err == nil {
			defer s.cache.put(p)
			return p.ask(&kv.Request{At: req.At, Level: req.Level, Op: req.Op})
		}
		if p != nil && p.seq > 0 && ctx.Err() != nil { // whoever comes again goes on from there
			s.cache.put(p)
		}
		oldest := s.oldest()
		switch went := errors.Is(err, blob.ErrNotFound) || errors.Is(err, wal.ErrTrimmed); {
		case rev < oldest:
			return kv.Refuse(kv.Compacted, "revision %d: the oldest one kept is %d", rev, oldest)
		case !went || attempt == attempts || ctx.Err() != nil:
			return kv.Refuse(kv.Unavailable, "revision %d cannot be read: %v", rev, err)
		}
	}
}

// reach returns a past that knows a revision: one that was kept, or else a new one, gone on
// to there.
func (s *Store) reach(ctx context.Context, rev uint64) (*past, error) {
	b := s.base(rev)
	p := s.cache.take(rev, b.seq())
	if p == nil {
		var err error
		if p, err = s.begin(ctx, b); err != nil {
			return nil, err
		}
	}
	return p, p.goOn(ctx, s.config, rev)
}

// base is where a past can begin: a checkpoint, or the empty state.
type base struct{ *checkpoint.Checkpoint }

// seq returns the last record that is in it.
func (b base) seq() uint64 {
	if b.Checkpoint == nil {
		return 0
	}
	return b.Seq
}

// firstRevision is that of the empty state.
const firstRevision = 1

// span returns the revisions that it knows itself.
func (b base) span() (oldest, present uint64) {
	if b.Checkpoint == nil {
		return firstRevision, firstRevision
	}
	return b.Oldest, b.Present
}

// bases returns where pasts can begin, the oldest first; there is one at least. While the
// first checkpoint is kept the log is whole.
func (s *Store) bases() (all []base) {
	kept := s.config.Keeper.Kept()
	if len(kept) == 0 || kept[0].Number == 1 {
		all = append(all, base{})
	}
	for i := range kept {
		all = append(all, base{&kept[i]})
	}
	return all
}

// base returns the one from which a revision is reached with the fewest records: one that
// knows it, or else the newest before it. The oldest one reaches all that can be read.
func (s *Store) base(rev uint64) base {
	all := s.bases()
	best := all[0]
	for _, b := range all {
		switch oldest, present := b.span(); {
		case oldest <= rev && rev <= present:
			return b
		case present <= rev:
			best = b
		}
	}
	return best
}

// begin makes a past from a base.
func (s *Store) begin(ctx context.Context, b base) (*past, error) {
	p := &past{inside: s.config.Inside(), seq: b.seq()}
	c := durable.Config{Self: s.config.Self, Inside: p.inside, Changes: durable.Changes, Refuse: durable.Refuse}
	if b.Checkpoint != nil {
		from, err := s.config.Keeper.State(*b.Checkpoint)
		if err != nil {
			return nil, err
		}
		from.Pairs = until(ctx, from.Pairs)
		c.From = from
	}
	var err error
	if p.machine, err = durable.New(c); err != nil {
		return nil, fmt.Errorf("the past: %w", err)
	}
	return p, nil
}
