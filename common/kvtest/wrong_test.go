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

func caseNamed(t *testing.T, caps kv.Caps, name string) kvtest.Case {
	t.Helper()
	all := kvtest.Cases(caps)
	i := slices.IndexFunc(all, func(c kvtest.Case) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, "no case %q", name)
	return all[i]
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
				saw := watch(caseNamed(t, strong, name), quick, w.open)
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
	for _, c := range kvtest.Cases(strong) {
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
