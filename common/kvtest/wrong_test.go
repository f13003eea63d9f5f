package kvtest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/kvtest"
)

// watched is a T that remembers failures instead of passing them on.
type watched struct {
	mu     sync.Mutex // protects following
	failed bool
	said   string
}

func (w *watched) Helper()             {}
func (w *watched) Logf(string, ...any) {}

func (w *watched) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed, w.said = true, w.said+fmt.Sprintf(format, args...)
}

func (w *watched) FailNow() { runtime.Goexit() }

// watch runs a case and returns what it complained about.
func watch(c kvtest.Case, s kvtest.Settings, open func() kvtest.World) *watched {
	w := &watched{}
	var all sync.WaitGroup
	all.Go(func() { c.Do(w, s, open) })
	all.Wait()
	return w
}

// wrong is a wrapper around the toy, and the cases that must notice.
type wrong struct {
	name  string
	cases string // names, separated by semicolons
	make  func() func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response
}

// wrapped is a Store whose Do is another's, with something wrong about it.
type wrapped struct {
	kv.Store
	do func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response
}

func (w wrapped) Do(ctx context.Context, req *kv.Request) *kv.Response {
	return w.do(w.Store, ctx, req)
}

// offering is a Store that says it offers something else.
type offering struct {
	kv.Store
	caps kv.Caps
}

func (o offering) Offers() kv.Caps { return o.caps }

var quick = kvtest.Settings{Seed: 1, Ops: 1500}

// all is what no toy offers alone: every case is for it.
var all = kv.Caps{Level: kv.StrictSerializable, Has: everything | kv.CapTentative | kv.CapProbe}

func caseNamed(t *testing.T, caps kv.Caps, name string) kvtest.Case {
	t.Helper()
	cases := kvtest.Cases(caps)
	i := slices.IndexFunc(cases, func(c kvtest.Case) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, "no case %q", name)
	return cases[i]
}

var wrongStores = slices.Concat(keyBugs, timeBugs)

func TestWrongStoresFail(t *testing.T) {
	for _, w := range wrongStores {
		for name := range strings.SplitSeq(w.cases, ";") {
			t.Run(w.name+"/"+name, func(t *testing.T) {
				saw := watch(caseNamed(t, strong, name), quick, func() kvtest.World {
					c := newClock()
					return one(c, wrapped{newToy(c, strong), w.make()})
				})
				require.True(t, saw.failed, "nobody noticed")
				require.Contains(t, saw.said, "-kvtest.seed=1")
				if testing.Verbose() {
					t.Log(saw.said)
				}
			})
		}
	}
}

// weakWorlds are wrong in what concerns several servers, or what is offered.
var weakWorlds = []struct {
	name, cases string
	open        func() kvtest.World
}{
	{"replicas keep writes in order of arrival", "replicas converge when all is quiet", func() kvtest.World {
		g := newGroup(kv.Eventual)
		g.byArrival = true
		return g.world(same)
	}},
	{"one replica never hears of others", "replicas converge when all is quiet;a write reaches every server at last", func() kvtest.World {
		g := newGroup(kv.Eventual)
		g.deaf = true
		return g.world(same)
	}},
	{"replicas forget sessions", "session guarantees hold from server to server", func() kvtest.World {
		g := newGroup(kv.Session)
		g.forgetful = true
		return g.world(same)
	}},
	{"followers go back", "reads show a prefix of the writes", func() kvtest.World {
		l := newLagging()
		l.forgetful = true
		return l.world(same)
	}},
	{"followers leave out writes", "reads show a prefix of the writes", func() kvtest.World {
		l := newLagging()
		l.skipping = true
		return l.world(same)
	}},
	{"checks are made once, where the write comes in", "guarded writes of all servers end alike everywhere", func() kvtest.World {
		g := newTentative()
		g.once = true
		return g.world(same)
	}},
	{"a replay forgets no conflict", "guarded writes of all servers end alike everywhere", func() kvtest.World {
		g := newTentative()
		g.hoarding = true
		return g.world(same)
	}},
	{"a conflict is done all the same", "what cannot be done is a conflict and stops nobody", inTentative(func(req *kv.Request, resp *kv.Response, next kv.Store) {
		if r, ok := resp.Result.(kv.GuardedResult); ok && r.Fate == kv.Unresolved {
			next.Do(context.Background(), outside(req.Op.(kv.Guarded).Then[0]))
		}
	})},
	{"guarded writes are not guarded", "a guarded write whose check does not hold is merged;what cannot be done is a conflict and stops nobody", inTentative(func(req *kv.Request, resp *kv.Response, next kv.Store) {
		if op, ok := req.Op.(kv.Guarded); ok && resp.Status == kv.OK {
			for _, step := range op.Then {
				next.Do(context.Background(), outside(step))
			}
			resp.Result = kv.GuardedResult{Fate: kv.Applied}
		}
	})},
	{"a program that is none is no matter", "a guarded write whose check holds is applied", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		if resp.Status == kv.Invalid {
			resp.Status, resp.Result = kv.OK, kv.GuardedResult{Fate: kv.Unresolved}
		}
	})},
	{"each page is the first", "conflicts are listed in the order of writes, page by page", inTentative(func(req *kv.Request, resp *kv.Response, next kv.Store) {
		if op, ok := req.Op.(kv.Conflicts); ok && !op.After.IsZero() {
			op.After = kv.Version{}
			*resp = *next.Do(context.Background(), &kv.Request{Level: req.Level, Token: req.Token, Op: op})
		}
	})},
	{"no page says that there are more", "conflicts are listed in the order of writes, page by page", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		if list, ok := resp.Result.(kv.ConflictList); ok {
			list.More = false
			resp.Result = list
		}
	})},
	{"nothing is ever stable", "a write is stable when all is quiet, at every server;conflicts are listed in the order of writes, page by page", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		switch r := resp.Result.(type) {
		case kv.Standing:
			r.Stable, r.Commit = false, 0
			resp.Result = r
		case kv.ConflictList:
			for i := range r.List {
				r.List[i].Stable = false
			}
		}
	})},
	{"a write is known where it was made only", "a write is stable when all is quiet, at every server", func() kvtest.World {
		return newTentative().world(func(i int, s kv.Store) kv.Store {
			return wrapped{s, func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
				resp := next.Do(ctx, req)
				if s, ok := resp.Result.(kv.Standing); ok && i > 0 {
					resp.Result = kv.Standing{Stable: s.Stable}
				}
				return resp
			}}
		})
	}},
	{"all is said to be stable", "a stable read shows what is stable and nothing else", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		if s, ok := resp.Result.(kv.Standing); ok && s.Known {
			s.Stable = true
			resp.Result = s
		}
	})},
	{"stable reads show all that there is", "a stable read shows what is stable and nothing else", func() kvtest.World {
		return newTentative().world(func(_ int, s kv.Store) kv.Store {
			return wrapped{s, func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
				stable := req.Level == kv.Prefix
				if stable {
					other := *req
					other.Level = kv.LevelDefault
					req = &other
				}
				resp := next.Do(ctx, req)
				resp.Stable = resp.Stable || stable
				return resp
			}}
		})
	}},
	{"a server probes itself", "a server tells how far the others are", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		if d, ok := resp.Result.(kv.Distances); ok {
			d.Asked = d.List[0].ID
			resp.Result = d
		}
	})},
	{"all servers are the nearest", "a server tells how far the others are", inTentative(func(_ *kv.Request, resp *kv.Response, _ kv.Store) {
		if d, ok := resp.Result.(kv.Distances); ok {
			for i := range d.List {
				d.List[i].Chosen = true
			}
		}
	})},
	{"does what it does not offer", "what is not offered is refused as unsupported", func() kvtest.World {
		c := newClock()
		return one(c, offering{newToy(c, strong), kv.Caps{Level: kv.Linearizable, Has: kv.CapAppend}})
	}},
	{"promises more than prefixes", "concurrent operations are linearizable;concurrent operations on one key are linearizable", func() kvtest.World {
		return newLagging().world(func(_ int, s kv.Store) kv.Store {
			return offering{s, kv.Caps{Level: kv.Linearizable, Has: kv.CapRevisions}}
		})
	}},
}

func TestWrongWorldsFail(t *testing.T) {
	for _, w := range weakWorlds {
		for name := range strings.SplitSeq(w.cases, ";") {
			t.Run(w.name+"/"+name, func(t *testing.T) {
				saw := watch(caseNamed(t, all, name), quick, w.open)
				require.True(t, saw.failed, "nobody noticed")
			})
		}
	}
}

func TestEveryCaseNoticesSomething(t *testing.T) {
	proved := map[string]bool{}
	for _, w := range wrongStores {
		for name := range strings.SplitSeq(w.cases, ";") {
			proved[name] = true
		}
	}
	for _, w := range weakWorlds {
		for name := range strings.SplitSeq(w.cases, ";") {
			proved[name] = true
		}
	}
	for _, c := range kvtest.Cases(all) {
		require.True(t, proved[c.Name], "no wrong store proves the case %q", c.Name)
	}
}

func TestTheSameSeedDoesTheSame(t *testing.T) {
	trail := func(seed uint64) (sent []string) {
		c := newClock()
		w := one(c, wrapped{newToy(c, strong), func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			sent = append(sent, fmt.Sprintf("%v", *req))
			return next.Do(ctx, req)
		}})
		s := kvtest.Settings{Seed: seed, Ops: 300}
		saw := watch(caseNamed(t, strong, "random operations of all kinds are as the model's"), s, func() kvtest.World { return w })
		require.False(t, saw.failed, saw.said)
		return sent
	}
	require.Equal(t, trail(1), trail(1))
	require.NotEqual(t, trail(1), trail(2))
}
