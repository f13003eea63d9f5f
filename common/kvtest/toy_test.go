package kvtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
)

// Toys are right stores, one a consistency level, as small as can be. The wrong
// stores of wrong_test.go are wrappers around them.

const everything = kv.CapAppend | kv.CapCompare | kv.CapRevisions | kv.CapWatch | kv.CapLeases | kv.CapSessions | kv.CapStat

var strong = kv.Caps{Level: kv.StrictSerializable, Has: everything}

// clock is the world's time; those who wait for it to pass are woken by a close.
type clock struct {
	mu    sync.Mutex // protects following
	now   time.Duration
	later chan struct{} // closed when time passes or a store changes
}

func newClock() *clock { return &clock{later: make(chan struct{})} }

func (c *clock) read() (time.Duration, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.later
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += d
	close(c.later)
	c.later = make(chan struct{})
}

// toy is a Model behind a mutex.
type toy struct {
	caps  kv.Caps
	clock *clock
	mu    sync.Mutex // protects following
	model *check.Model
}

func newToy(c *clock, caps kv.Caps) *toy {
	return &toy{caps: caps, clock: c, model: check.NewModel(caps, 500)}
}

func (s *toy) Offers() kv.Caps { return s.caps }

func (s *toy) Do(ctx context.Context, req *kv.Request) *kv.Response {
	start, _ := s.clock.read()
	for {
		now, later := s.clock.read()
		resp := s.step(now, req)
		found, ok := resp.Result.(kv.EventList)
		if !ok || len(found.List) > 0 || now-start >= req.Wait {
			if !kv.ReadOnly(req.Op) {
				s.clock.advance(0)
			}
			return resp
		}
		events := req.Op.(kv.Events)
		events.After = found.Next
		next := *req
		next.Op = events
		req = &next
		select {
		case <-later:
		case <-ctx.Done():
			return kv.Refuse(kv.Unavailable, "given up")
		}
	}
}

func (s *toy) step(now time.Duration, req *kv.Request) *kv.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model.Do(machine.Time(now), req)
}

// one is a world of a single store.
func one(c *clock, s kv.Store) kvtest.World {
	return kvtest.Local(func(int) kv.Store { return s }, c.advance)
}

// stamped is a write with its place in the order that all replicas agree on.
type stamped struct {
	time   uint64 // Lamport's
	origin int
	n      int // among the writes of its origin
	req    *kv.Request
}

func (a stamped) compare(b stamped) int {
	if a.time != b.time {
		return int(a.time) - int(b.time)
	}
	return a.origin - b.origin
}

// group is a world of replicas that accept writes on their own and replay all they
// know in one order: stage 3 in fifty lines.
type group struct {
	level                      kv.Level
	has                        kv.Cap
	byArrival, deaf, forgetful bool       // wrong: in no order, the last replica never listens, tokens mean nothing
	once, hoarding             bool       // wrong: checks are not made again, nor are conflicts forgotten, at a replay
	mu                         sync.Mutex // protects following
	replicas                   []*replica
}

type replica struct {
	group *group
	id    int
	log   []stamped // in order
	known []int     // of each origin, how many writes are in log: a prefix of them
	clock uint64
	sure  int       // of log: nothing comes before the end of these any more
	model *replayed // of log; nil when it must be made anew
	hoard []kv.Conflicted
}

const replicas = 5

func newGroup(level kv.Level) *group {
	g := &group{level: level, has: kv.CapStat}
	for i := range replicas {
		g.replicas = append(g.replicas, &replica{group: g, id: i, known: make([]int, replicas)})
	}
	return g
}

func (g *group) world(wrap func(i int, s kv.Store) kv.Store) kvtest.World {
	w := kvtest.Local(func(client int) kv.Store { return wrap(client%replicas, g.replicas[client%replicas]) }, nil)
	w.OnSettle = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for range 2 {
			for _, r := range g.replicas {
				if g.deaf && r.id == replicas-1 {
					continue
				}
				r.pull(g.replicas[(r.id+1)%replicas], replicas)
				for _, from := range g.replicas {
					r.pull(from, 1<<30)
				}
			}
		}
		for _, r := range g.replicas {
			r.sure = len(r.log)
		}
	}
	return w
}

func same(_ int, s kv.Store) kv.Store { return s }

// pull takes at most n writes from another replica, each after those of the same
// origin that came before it, and all in causal order.
func (r *replica) pull(from *replica, n int) {
	for _, w := range from.log {
		if w.n != r.known[w.origin] || n == 0 {
			continue
		}
		r.add(w)
		n--
	}
}

func (r *replica) add(w stamped) {
	at, _ := slices.BinarySearchFunc(r.log, w, stamped.compare)
	if r.group.byArrival {
		at = len(r.log)
	}
	r.log = slices.Insert(r.log, at, w)
	r.known[w.origin]++
	r.clock = max(r.clock, w.time)
	switch {
	case at < len(r.log)-1:
		r.model = nil
	case r.model != nil:
		r.model.do(w)
	}
}

func (r *replica) Offers() kv.Caps { return kv.Caps{Level: r.group.level, Has: r.group.has} }

func (r *replica) Do(_ context.Context, req *kv.Request) *kv.Response {
	g := r.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	most := g.level
	if g.has.Has(kv.CapTentative) {
		most = kv.Prefix
	}
	if !g.has.Has(check.Needs(req)) || req.Level > most {
		return kv.Refuse(kv.Unsupported, "")
	}
	if bad := validate(req.Op); bad != nil {
		return bad
	}
	for origin, n := range decodeVector(req.Token) {
		for !g.forgetful && r.known[origin] < n { // it waits for what the session has seen
			r.pull(g.replicas[origin], 1<<30)
		}
	}
	var resp *kv.Response
	if kv.ReadOnly(req.Op) {
		resp = r.read(req)
	} else {
		w := stamped{r.clock + 1, r.id, r.known[r.id], &kv.Request{Op: clone(req.Op)}}
		resp = r.contents().do(w)
		model := r.model // which has done it already
		r.model = nil
		r.add(w)
		r.model = model
	}
	resp.Token = encodeVector(r.known)
	return resp
}

// contents replays the log.
func (r *replica) contents() *replayed {
	if r.model == nil {
		r.model = r.group.replay(r.log)
		if r.group.hoarding {
			r.hoard = append(r.hoard, r.model.conflicts...)
			r.model.conflicts = r.hoard
		}
	}
	return r.model
}

func answered(s kv.Status) bool { return s == kv.OK || s == kv.NotFound || s == kv.Conflict }

func clone(op kv.Op) kv.Op {
	switch op := op.(type) {
	case kv.Put:
		op.Value = bytes.Clone(op.Value)
		return op
	case kv.Guarded:
		op.Then = slices.Clone(op.Then)
		for i := range op.Then {
			op.Then[i] = clone(op.Then[i])
		}
		return op
	}
	return op
}

func encodeVector(v []int) (b []byte) {
	for _, n := range v {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func decodeVector(b []byte) (v []int) {
	for ; len(b) >= 4; b = b[4:] {
		v = append(v, int(binary.BigEndian.Uint32(b)))
	}
	return v
}

// lagging is a world of one log and followers that show older prefixes of it: a
// write goes to the end of the log, a read takes what its follower has.
type lagging struct {
	forgetful, skipping bool // wrong: tokens mean nothing, some followers leave out writes

	mu        sync.Mutex // protects following
	log       []*kv.Request
	followers map[int]*follower
}

type follower struct {
	group *lagging
	id    int
	model *check.Model
	has   int // of the log
}

func newLagging() *lagging { return &lagging{followers: map[int]*follower{}} }

func (l *lagging) world(wrap func(i int, s kv.Store) kv.Store) kvtest.World {
	w := kvtest.Local(func(client int) kv.Store {
		l.mu.Lock()
		defer l.mu.Unlock()
		f := &follower{group: l, id: client}
		f.model = check.NewModel(f.Offers(), 500)
		l.followers[client] = f
		return wrap(client, f)
	}, nil)
	w.OnSettle = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, f := range l.followers {
			f.catchUp(len(l.log))
		}
	}
	return w
}

func (f *follower) Offers() kv.Caps { return kv.Caps{Level: kv.Prefix, Has: kv.CapRevisions} }

func (f *follower) catchUp(n int) {
	for ; f.has < n; f.has++ {
		if f.group.skipping && f.id%2 == 0 && f.has%4 == 3 {
			continue
		}
		f.model.Do(0, f.group.log[f.has])
	}
}

func (f *follower) Do(_ context.Context, req *kv.Request) *kv.Response {
	f.group.mu.Lock()
	defer f.group.mu.Unlock()
	if v := decodeVector(req.Token); len(v) == 1 && !f.group.forgetful {
		f.catchUp(v[0])
	}
	if write := !kv.ReadOnly(req.Op); write {
		f.catchUp(len(f.group.log))
	} else if f.id%2 == 0 {
		f.catchUp(min(f.has+1, len(f.group.log)))
	}
	kept := &kv.Request{Op: clone(req.Op)}
	resp := f.model.Do(0, req)
	if !kv.ReadOnly(req.Op) && answered(resp.Status) {
		f.group.log = append(f.group.log, kept)
		f.has++
	}
	resp.Token = encodeVector([]int{f.has})
	return resp
}
