package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

func judgeAll(t *testing.T, examples []example, rule func(check.History) error) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			err := rule(e.h)
			if e.bad == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, e.bad)
			require.NotErrorIs(t, err, check.ErrNotChecked)
		})
	}
}

func TestLinearizableWithoutRevisions(t *testing.T) {
	judgeAll(t, []example{
		{"empty", nil, ""},
		{"overlapping writes may take effect in either order", check.History{
			put(1, 0, 10, "x", "1", 0), put(2, 0, 10, "x", "2", 0), get(3, 11, 12, "x", "1", 0, 0),
		}, ""},
		{"a read may see a write that has not returned", check.History{
			put(1, 0, 10, "x", "1", 0), get(2, 1, 2, "x", "1", 0, 0), get(3, 0, 1, "x", "", 0, 0),
		}, ""},
		{"ends that touch are concurrent", check.History{
			put(1, 0, 5, "x", "1", 0), get(2, 5, 6, "x", "", 0, 0),
		}, ""},
		{"a lost write may show up late", check.History{
			lost(1, 0, wrote("x", "1")), get(2, 5, 6, "x", "", 0, 0), get(2, 7, 8, "x", "1", 0, 0),
		}, ""},
		{"a lost write may never show up", check.History{
			lost(1, 0, wrote("x", "1")), get(2, 5, 6, "x", "", 0, 0),
		}, ""},
		{"a write of unknown outcome may take effect after it returned", check.History{
			op(1, 0, 1, wrote("x", "1"), status(kv.Maybe, 0)), get(2, 5, 6, "x", "", 0, 0), get(2, 7, 8, "x", "1", 0, 0),
		}, ""},
		{"a repeated request whose session is gone may have been done", check.History{
			op(1, 0, 1, wrote("x", "1"), status(kv.NoSession, 0)), get(2, 5, 6, "x", "1", 0, 0),
		}, ""},
		{"a compare of unknown version takes what a later read shows", check.History{
			put(1, 0, 1, "x", "1", 0), get(2, 2, 3, "x", "1", 7, 0), op(2, 4, 5, cas("x", "2", 7), ok(0)), get(1, 6, 7, "x", "2", 9, 0),
		}, ""},

		{"stale read", check.History{
			put(1, 0, 1, "x", "1", 0), put(1, 2, 3, "x", "2", 0), get(2, 4, 5, "x", "1", 0, 0),
		}, `not client 2 [4, 5] get "x"`},
		{"reads go back", check.History{
			put(1, 0, 10, "x", "1", 0), get(2, 1, 2, "x", "1", 0, 0), get(3, 3, 4, "x", "", 0, 0),
		}, "no order that agrees with real time"},
		{"a refused write is seen", check.History{
			op(1, 0, 1, wrote("x", "1"), status(kv.Unavailable, 0)), get(2, 5, 6, "x", "1", 0, 0),
		}, `key "x"`},
		{"an append is done twice", check.History{
			appended(1, 0, 1, "x", "a", 1, 0), get(2, 5, 6, "x", "aa", 0, 0),
		}, `key "x"`},
		{"a lost write is undone", check.History{
			lost(1, 0, wrote("x", "1")), get(2, 5, 6, "x", "1", 0, 0), get(2, 7, 8, "x", "", 0, 0),
		}, `key "x"`},
		{"a conflict shows a lost write", check.History{
			lost(1, 0, wrote("x", "0")), op(2, 2, 3, cas("x", "1", 7), with(status(kv.Conflict, 0), item("x", "0", 5))),
		}, ""},
		{"a conflict shows what nobody wrote", check.History{
			op(1, 0, 1, cas("x", "1", 7), with(status(kv.Conflict, 0), item("x", "0", 5))),
		}, `key "x"`},
		{"a lost write shows up before its call", check.History{
			get(2, 1, 2, "x", "1", 0, 0), lost(1, 5, wrote("x", "1")),
		}, `key "x"`},
		{"two compares of one version succeed", check.History{
			put(1, 0, 1, "x", "0", 1), op(1, 2, 3, cas("x", "1", 1), ok(2)), op(2, 2, 3, cas("x", "2", 1), ok(3)),
		}, `cas "x"`},
		{"a lost delete shows in a scan", check.History{
			put(1, 0, 1, "x", "0", 0), lost(2, 2, kv.Delete{Key: "x"}), scan(1, 3, 4, 0), scan(1, 5, 6, 0, item("x", "0", 0)),
		}, `key "x"`},
	}, func(h check.History) error { return check.Linearizable(h, plain) })
}

func TestLinearizableByRevisions(t *testing.T) {
	at := func(rev uint64, o check.Op) check.Op {
		o.Req.At = kv.Version{Lo: rev}
		return o
	}
	judgeAll(t, []example{
		{"overlapping writes in either order", check.History{
			put(1, 0, 10, "x", "1", 2), put(2, 0, 10, "x", "2", 1), get(3, 5, 12, "x", "2", 1, 1), get(4, 6, 7, "x", "1", 2, 2),
		}, ""},
		{"a lost write fills a gap", check.History{
			put(1, 0, 1, "x", "1", 1), lost(2, 0, wrote("x", "2")), get(1, 2, 3, "x", "2", 2, 2), put(1, 4, 5, "x", "3", 3),
		}, ""},
		{"a lost write is hidden by another and counted", check.History{
			put(1, 0, 1, "x", "1", 1), lost(2, 0, wrote("x", "2")), put(1, 2, 3, "x", "3", 3),
			op(3, 4, 5, kv.Get{Key: "x"}, with(ok(3), kv.Item{Key: "x", Value: []byte("3"), Mod: kv.Version{Lo: 3}, Create: kv.Version{Lo: 1}, Count: 3})),
		}, ""},
		{"two lost writes make what neither makes alone", check.History{
			lost(1, 0, kv.Append{Key: "x", Value: []byte("b")}), lost(2, 0, wrote("x", "a")), get(3, 4, 5, "x", "ab", 7, 9),
		}, ""},
		{"a lost delete, then a lost write", check.History{
			put(1, 0, 1, "x", "1", 1), lost(2, 2, kv.Delete{Key: "x"}), lost(3, 2, wrote("x", "2")),
			get(1, 3, 4, "x", "", 0, 2), get(1, 5, 6, "x", "2", 3, 3),
		}, ""},
		{"a read of the past", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "x", "2", 2), at(1, get(2, 4, 5, "x", "1", 1, 2)),
		}, ""},
		{"revisions that nobody knows of", check.History{
			put(1, 0, 1, "x", "1", 5), get(2, 2, 3, "x", "1", 5, 90),
		}, ""},
		{"other keys' lost transaction", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "y", "1", 2),
			lost(2, 2, kv.Txn{Then: []kv.Op{wrote("x", "2"), wrote("y", "2")}}),
			get(1, 4, 5, "y", "2", 3, 3), get(1, 6, 7, "x", "2", 3, 3),
		}, ""},

		{"order against real time", check.History{
			put(1, 0, 1, "x", "1", 2), put(2, 2, 3, "x", "2", 1),
		}, "had returned before"},
		{"stale read of an old revision", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "x", "2", 2), get(2, 4, 5, "x", "1", 1, 1),
		}, "had returned before"},
		{"one revision for two writes", check.History{
			put(1, 0, 5, "x", "1", 1), put(2, 0, 5, "y", "2", 1),
		}, "two writes of one revision"},
		{"an answer that the replay does not give", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "x", "2", 2), get(2, 4, 5, "x", "1", 1, 2),
		}, `should have answered ok "x"="2"`},
		{"a write without a revision", check.History{put(1, 0, 1, "x", "1", 0)}, "tells no revision"},
		{"an append done twice", check.History{
			appended(1, 0, 1, "x", "a", 1, 1), get(2, 2, 3, "x", "aa", 2, 2),
		}, `should have answered ok "x"="a"`},
		{"a lost write cannot be seen before its call", check.History{
			get(1, 0, 1, "x", "1", 1, 1), lost(2, 3, wrote("x", "1")),
		}, "should have answered not found"},
		{"a lost write does not go away", check.History{
			lost(2, 0, wrote("x", "1")), get(1, 1, 2, "x", "1", 1, 1), get(1, 3, 4, "x", "", 0, 2),
		}, "whose outcome is unknown"},
		{"a lost append happens once", check.History{
			lost(2, 0, kv.Append{Key: "x", Value: []byte("a")}), get(1, 1, 2, "x", "a", 1, 1), get(1, 3, 4, "x", "aa", 2, 2),
		}, "should have answered"},
		{"half of a lost transaction", check.History{
			lost(2, 0, kv.Txn{Then: []kv.Op{wrote("x", "2"), wrote("y", "2")}}),
			get(1, 4, 5, "y", "2", 3, 3), get(1, 6, 7, "x", "", 0, 3),
		}, "should have answered"},
		{"a lost write has a revision before it is seen", check.History{
			put(1, 0, 1, "x", "1", 1), lost(2, 0, wrote("x", "2")), get(1, 2, 3, "x", "2", 9, 2),
		}, "should have answered"},
		{"a lost write has a revision of its own", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "y", "1", 2), lost(2, 0, wrote("x", "2")), get(1, 4, 5, "x", "2", 2, 3),
		}, "should have answered"},
		{"a write that is counted and nobody did", check.History{
			put(1, 0, 1, "x", "1", 1), op(1, 2, 3, kv.Get{Key: "x"}, with(ok(1), kv.Item{Key: "x", Value: []byte("1"), Count: 2})),
		}, "should have answered"},
		{"a past that was different", check.History{
			put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "x", "2", 2), at(1, get(2, 4, 5, "x", "2", 2, 2)),
		}, `should have answered ok "x"="1"`},
	}, func(h check.History) error { return check.Linearizable(h, revs) })
}

func TestStrictlySerializable(t *testing.T) {
	x0y0 := []check.Op{put(1, 0, 1, "x", "0", 0), put(1, 2, 3, "y", "0", 0)}
	guard := func(key, value string) []kv.Compare {
		return []kv.Compare{{Key: key, Target: kv.TargetValue, Relation: kv.Equal, Value: []byte(value)}}
	}
	clears := func(client int, guarded, key string, rev uint64) check.Op {
		return op(client, 4, 9, kv.Txn{If: guard(guarded, "0"), Then: []kv.Op{wrote(key, "1")}}, with(ok(rev), txn(true, fine)))
	}
	join := func(a []check.Op, b ...check.Op) check.History { return append(append(check.History{}, a...), b...) }
	examples := []example{
		{"concurrent transactions in some order", join(
			x0y0, clears(1, "x", "x", 0), clears(2, "y", "y", 0), scan(3, 5, 8, 0, item("x", "1", 0), item("y", "0", 0)),
		), ""},
		{"the branch that was not taken", join(
			x0y0, clears(1, "x", "y", 0),
			op(2, 4, 9, kv.Txn{If: guard("y", "0"), Then: []kv.Op{wrote("x", "1")}, Else: []kv.Op{kv.Get{Key: "x"}}}, with(ok(0), txn(false, found("x", "0", 0)))),
		), ""},
		{"write skew", join(
			x0y0, clears(1, "x", "y", 0), clears(2, "y", "x", 0),
		), "none of the orders"},
		{"a scan sees half of a transaction", join(
			x0y0, op(1, 4, 9, kv.Txn{Then: []kv.Op{wrote("x", "1"), wrote("y", "1")}}, with(ok(0), txn(true, fine, fine))),
			scan(2, 5, 8, 0, item("x", "1", 0), item("y", "0", 0)),
		), "none of the orders"},
		{"two readers see two writes in two orders", join(
			x0y0, put(1, 4, 9, "x", "1", 0), put(2, 4, 9, "y", "1", 0),
			scan(3, 5, 6, 0, item("x", "1", 0), item("y", "0", 0)), scan(4, 5, 6, 0, item("x", "0", 0), item("y", "1", 0)),
		), "none of the orders"},
		{"a transaction sees an old instant", join(
			x0y0, put(1, 4, 5, "x", "1", 0),
			op(2, 6, 7, kv.Txn{Then: []kv.Op{kv.Get{Key: "x"}}}, with(ok(0), txn(true, found("x", "0", 0)))),
		), "none of the orders"},
	}
	t.Run("exhaustive", func(t *testing.T) {
		judgeAll(t, examples, func(h check.History) error { return check.StrictlySerializable(h, plain) })
	})
	t.Run("searched", func(t *testing.T) {
		for i := range examples {
			for n := range machine.Time(8) { // makes the history too long to be tried out
				examples[i].h = append(examples[i].h, put(9, 20+2*n, 21+2*n, "x", "later", 0))
			}
			if examples[i].bad != "" {
				examples[i].bad = "no order that agrees with real time"
			}
		}
		judgeAll(t, examples, func(h check.History) error { return check.StrictlySerializable(h, plain) })
	})
}

func TestStrictlySerializableByRevisions(t *testing.T) {
	both := func(rev uint64) check.Op {
		return op(1, 4, 9, kv.Txn{Then: []kv.Op{wrote("x", "1"), wrote("y", "1")}}, with(ok(rev), txn(true, fine, fine)))
	}
	judgeAll(t, []example{
		{"a scan after", check.History{both(1), scan(2, 5, 8, 1, item("x", "1", 1), item("y", "1", 1))}, ""},
		{"a scan before", check.History{both(1), scan(2, 5, 8, 0)}, ""},
		{"an empty branch makes no revision", check.History{
			both(1), op(2, 5, 8, kv.Txn{Then: []kv.Op{kv.Delete{Key: "z"}}}, with(ok(1), txn(true, kv.Outcome{Status: kv.NotFound}))),
		}, ""},
		{"half of it", check.History{both(1), scan(2, 5, 8, 1, item("x", "1", 1))}, "should have answered"},
		{"half of it before", check.History{both(1), scan(2, 5, 8, 0, item("x", "1", 1))}, "should have answered"},
		{"the wrong branch", check.History{
			both(1), op(2, 10, 11, kv.Txn{
				If:   []kv.Compare{{Key: "x", Target: kv.TargetMod, Relation: kv.Less, Version: kv.Version{Lo: 1}}},
				Then: []kv.Op{wrote("y", "2")},
			}, with(ok(2), txn(true, fine))),
		}, "should have answered"},
	}, func(h check.History) error { return check.StrictlySerializable(h, revs) })
}

func TestWhatCannotBeCheckedIsNoPass(t *testing.T) {
	var crowd check.History
	for c := range 11 {
		crowd = append(crowd, put(c, 0, 1, "x", fmt.Sprint(c), 0))
	}
	for name, h := range map[string]check.History{
		"more than ten clients on one key": crowd,
		"a key under a lease":              {op(1, 0, 1, kv.Put{Key: "x", Lease: 3}, ok(1))},
		"returned before it was called":    {put(1, 5, 4, "x", "1", 0)},
		"no request":                       {{Client: 1}},
		"the condition looked at a guess": {
			lost(1, 0, wrote("x", "1")),
			op(2, 1, 2, kv.Txn{
				If:   []kv.Compare{{Key: "x", Target: kv.TargetMod, Relation: kv.Greater}},
				Then: []kv.Op{kv.Get{Key: "x"}},
			}, with(ok(0), txn(true, found("x", "2", 0)))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, check.Linearizable(h, plain), check.ErrNotChecked)
		})
	}
}

func TestAStatusThatDoesNotExistIsAnError(t *testing.T) {
	err := check.Linearizable(check.History{op(1, 0, 1, wrote("x", "1"), status(77, 1))}, revs)
	require.ErrorContains(t, err, "no such status")
}

func TestVisualizeWritesAPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.html")
	require.NoError(t, check.Visualize(check.History{
		put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "x", "2", 2), get(2, 4, 5, "x", "1", 1, 1), lost(2, 6, wrote("y", "1")),
	}, path))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(page), `put \"x\"=\"2\"`)
}

// long is a right history of n operations by ten clients over 100 keys, of which
// one in so many is lost; 0 is none.
func long(n, losing int) check.History {
	m := check.NewModel(kv.Caps{Level: kv.StrictSerializable, Has: ^kv.Cap(0)}, 1)
	var h check.History
	for i := range n {
		req := &kv.Request{Op: kv.Get{Key: fmt.Sprint("k", i*7919%100)}}
		if i%3 == 0 {
			req.Op = wrote(fmt.Sprint("k", i*7919%100), fmt.Sprint(i))
		}
		o := check.Op{Client: i % 10, Call: machine.Time(2*i - 9), Return: machine.Time(2*i + 9), Req: req, Resp: m.Do(0, req)}
		if losing > 0 && i%losing == 0 {
			o.Resp, o.Return = nil, check.Never
		}
		h = append(h, o)
	}
	return h
}

func TestLongHistoriesAreCheckedInSeconds(t *testing.T) {
	h := long(100_000, 999)
	timed := func(name string, rule func() error) {
		start := time.Now()
		require.NoError(t, rule(), name)
		took := time.Since(start)
		t.Logf("%s: %d operations in %v", name, len(h), took.Round(time.Millisecond))
		require.Less(t, took, 10*time.Second, name) // 2 s, on a machine that does nothing else
	}
	timed("witness", func() error { return check.Linearizable(h, revs) })
	timed("monotonic writes", func() error { return check.MonotonicWrites(h) })
	timed("writes follow reads", func() error { return check.WritesFollowReads(h) })
	timed("search", func() error { return check.Linearizable(long(100_000, 0), plain) })
}
