package check_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
)

// rules are the four guarantees, in the order of the examples' bits.
var rules = []struct {
	name string
	rule func(check.History) error
}{
	{"read your writes", check.ReadYourWrites},
	{"monotonic reads", check.MonotonicReads},
	{"monotonic writes", check.MonotonicWrites},
	{"writes follow reads", check.WritesFollowReads},
}

// guarantee is a history and the rule that it breaks; none if that is empty.
type guarantee struct {
	name   string
	broken string
	h      check.History
}

func guarantees() []guarantee {
	read := func(client int, call int64, key, value string) check.Op {
		return get(client, m(call), m(call+1), key, value, 0, 0)
	}
	write := func(client int, call int64, key, value string) check.Op {
		return put(client, m(call), m(call+1), key, value, 0)
	}
	return []guarantee{
		{"another client's concurrent write may win", "", check.History{
			write(1, 0, "x", "1"), write(2, 0, "x", "2"), read(1, 2, "x", "2"), read(1, 4, "x", "1"), read(1, 6, "x", "2"),
		}},
		{"another client may read the old state", "", check.History{
			write(1, 0, "x", "1"), write(1, 2, "x", "2"), read(2, 4, "x", "1"), read(3, 4, "x", ""),
		}},
		{"a write that was not acknowledged need not be seen", "", check.History{
			op(1, 0, 1, wrote("x", "1"), status(kv.Maybe, 0)), read(1, 2, "x", ""), read(1, 4, "x", "1"),
		}},
		{"keys that are deleted are not judged", "", check.History{
			write(1, 0, "x", "1"), op(2, 0, 1, kv.Delete{Key: "x"}, ok(0)), read(1, 4, "x", ""),
		}},
		{"who has not seen the later write may see the earlier state", "", check.History{
			write(1, 0, "x", "1"), write(1, 2, "y", "1"), read(2, 4, "x", ""), read(2, 6, "y", "1"),
		}},

		{"own write is not there", "read your writes", check.History{write(1, 0, "x", "1"), read(1, 2, "x", "")}},
		{"own older write", "read your writes", check.History{
			write(1, 0, "x", "1"), write(1, 2, "x", "2"), read(1, 4, "x", "1"),
		}},
		{"what own write overwrote", "read your writes", check.History{
			write(2, 0, "x", "0"), read(1, 2, "x", "0"), write(1, 4, "x", "1"), read(1, 6, "x", "0"),
		}},
		{"a scan without own write", "read your writes", check.History{write(1, 0, "x", "1"), scan(1, 2, 3, 0)}},

		{"a value that was read is gone", "monotonic reads", check.History{
			write(1, 0, "x", "1"), read(2, 2, "x", "1"), read(2, 4, "x", ""),
		}},
		{"an older value than was read", "monotonic reads", check.History{
			write(1, 0, "x", "1"), write(1, 2, "x", "2"), read(2, 4, "x", "2"), read(2, 6, "x", "1"),
		}},
		{"an older value than was read, by way of a third", "monotonic reads", check.History{
			write(1, 0, "x", "1"), read(3, 2, "x", "1"), write(3, 4, "x", "3"), read(2, 6, "x", "3"), read(2, 8, "x", "1"),
		}},
		{"an older value than was read, by way of two others and another key", "monotonic reads", check.History{
			write(1, 0, "x", "1"), read(2, 2, "x", "1"), write(2, 4, "y", "2"), read(3, 6, "y", "2"), write(3, 8, "x", "3"),
			read(4, 10, "x", "3"), read(4, 12, "x", "1"),
		}},

		{"the later of two writes without the earlier", "monotonic writes", check.History{
			write(1, 0, "x", "1"), write(1, 2, "y", "1"), read(2, 4, "y", "1"), read(2, 6, "x", ""),
		}},
		{"the later of two writes with an older state", "monotonic writes", check.History{
			write(1, 0, "x", "1"), write(1, 2, "x", "2"), write(1, 4, "y", "1"), read(2, 6, "y", "1"), read(2, 8, "x", "1"),
		}},
		{"both in one scan", "monotonic writes", check.History{
			write(1, 0, "x", "1"), write(1, 2, "y", "1"), scan(2, 4, 5, 0, item("y", "1", 0)),
		}},

		{"an answer without its question", "writes follow reads", check.History{
			write(1, 0, "x", "1"), read(2, 2, "x", "1"), write(2, 4, "y", "2"), read(3, 6, "y", "2"), read(3, 8, "x", ""),
		}},
		{"an answer with an older question", "writes follow reads", check.History{
			write(1, 0, "x", "1"), write(1, 2, "x", "2"), read(2, 4, "x", "2"), write(2, 6, "y", "2"), read(3, 8, "y", "2"), read(3, 10, "x", "1"),
		}},
		{"an answer and no question in one scan", "writes follow reads", check.History{
			write(1, 0, "x", "1"), read(2, 2, "x", "1"), write(2, 4, "y", "2"), scan(3, 6, 7, 0, item("y", "2", 0)),
		}},
	}
}

func TestSessionGuarantees(t *testing.T) {
	for _, e := range guarantees() {
		t.Run(e.name, func(t *testing.T) {
			for _, r := range rules {
				err := r.rule(e.h)
				if r.name != e.broken {
					require.NoError(t, err, r.name)
					continue
				}
				require.ErrorContains(t, err, r.name)
			}
		})
	}
}

func TestGuaranteesRefuseWhatTheyCannotJudge(t *testing.T) {
	for _, r := range rules {
		twice := check.History{put(1, 0, 1, "x", "1", 0), put(2, 0, 1, "x", "1", 0)}
		require.ErrorIs(t, r.rule(twice), check.ErrNotChecked, r.name)
		invented := check.History{get(1, 0, 1, "x", "1", 0, 0)}
		require.ErrorContains(t, r.rule(invented), "nobody had written", r.name)
		merged := check.History{op(1, 0, 1, kv.Guarded{If: "c", Then: []kv.Op{wrote("x", "1")}, Else: "m"}, ok(0))}
		require.ErrorIs(t, r.rule(merged), check.ErrNotChecked, r.name)
	}
}

func TestWhatAGuardedWriteMayHaveWrittenIsNotJudged(t *testing.T) {
	guarded := op(1, 0, 1, kv.Guarded{If: "c", Then: []kv.Op{wrote("x", "1")}}, ok(0))
	for _, r := range rules {
		require.NoError(t, r.rule(check.History{guarded, get(1, 2, 3, "x", "1", 0, 0), put(1, 4, 5, "x", "2", 0), get(1, 6, 7, "x", "1", 0, 0)}), r.name)
		require.Error(t, r.rule(check.History{guarded, get(1, 2, 3, "y", "1", 0, 0)}), r.name)
	}
	require.ErrorIs(t, check.Linearizable(check.History{guarded}, plain), check.ErrNotChecked)
	require.NoError(t, check.NoLostWrites(check.History{put(1, 0, 1, "x", "2", 0), guarded}, []kv.Item{item("x", "1", 0)}))
}

func TestPrefix(t *testing.T) {
	old := func(client int, call int64, rev uint64, items ...kv.Item) check.Op {
		return scan(client, m(call), m(call+1), rev, items...)
	}
	writes := check.History{put(1, 0, 1, "x", "1", 1), put(1, 2, 3, "y", "1", 2), put(1, 4, 5, "x", "2", 3)}
	after := func(ops ...check.Op) check.History { return append(writes[:3:3], ops...) }
	examples := []example{
		{"old and then newer", after(old(2, 6, 1, item("x", "1", 1)), old(2, 8, 2, item("x", "1", 1), item("y", "1", 2))), ""},
		{"two readers at two places", after(old(2, 6, 3, item("x", "2", 3), item("y", "1", 2)), old(3, 8, 0)), ""},
		{"the writer at the end", after(get(1, 6, 7, "x", "2", 3, 3)), ""},
		{"a reader goes back", after(old(2, 6, 1, item("x", "1", 1)), old(2, 8, 0)), "older"},
		{"the second write without the first", after(old(2, 6, 2, item("y", "1", 2))), ""},
		{"the third write without the second", after(old(2, 6, 3, item("x", "2", 3))), ""},
		{"the writer does not see its own", after(get(1, 6, 7, "x", "1", 1, 2)), ""},
	}
	examples[4].bad, examples[5].bad, examples[6].bad = "should have answered", "should have answered", "went back"
	t.Run("by revisions", func(t *testing.T) {
		judgeAll(t, examples, func(h check.History) error { return check.Prefix(h, revs) })
	})
	for i := range examples {
		if examples[i].bad != "" {
			examples[i].bad = "no prefix of client 1's writes"
		}
	}
	t.Run("of one writer", func(t *testing.T) {
		judgeAll(t, examples, func(h check.History) error { return check.Prefix(h, plain) })
	})
	t.Run("of two writers", func(t *testing.T) {
		require.ErrorIs(t, check.Prefix(after(put(2, 6, 7, "z", "1", 4)), plain), check.ErrNotChecked)
		require.ErrorContains(t, check.Prefix(after(put(2, 6, 7, "z", "1", 3)), revs), "two writes of one revision")
	})
}

func TestConverged(t *testing.T) {
	a, b := item("a", "1", 1), item("b", "1", 2)
	require.NoError(t, check.Converged(nil))
	require.NoError(t, check.Converged([][]kv.Item{{a, b}, {a, item("b", "1", 9)}}))
	require.ErrorContains(t, check.Converged([][]kv.Item{{a}, {a}, {a, b}}), `2 has "b"="1"`)
	require.ErrorContains(t, check.Converged([][]kv.Item{{a, b}, {a}}), "replica 1 has not")
	require.ErrorContains(t, check.Converged([][]kv.Item{{a}, {item("a", "2", 1)}}), `replica 1 has "a"="2"`)
	require.NoError(t, check.SameHash([][]byte{{1}, {1}}))
	require.ErrorContains(t, check.SameHash([][]byte{{1}, {1}, {2}}), "2 has 02")
	require.ErrorContains(t, check.SameHash([][]byte{{1}, nil}), "tells no hash")
}

func TestNoLostWrites(t *testing.T) {
	final := []kv.Item{item("x", "1", 0)}
	judge := func(h check.History) error { return check.NoLostWrites(h, final) }
	judgeAll(t, []example{
		{"the last write", check.History{put(2, 0, 1, "x", "0", 0), put(1, 2, 3, "x", "1", 0)}, ""},
		{"one of two concurrent writes", check.History{put(1, 0, 5, "x", "1", 0), put(2, 4, 9, "x", "2", 0)}, ""},
		{"an unknown write after all", check.History{lost(1, 0, wrote("x", "1")), put(2, 4, 9, "x", "2", 0)}, ""},
		{"an unknown delete", check.History{put(1, 0, 5, "x", "1", 0), lost(2, 6, kv.Delete{Key: "x"}), lost(2, 6, wrote("z", "1"))}, ""},
		{"an older value", check.History{put(1, 0, 1, "x", "1", 0), put(2, 4, 9, "x", "2", 0)}, "a write was lost"},
		{"a key is gone", check.History{put(1, 0, 1, "x", "1", 0), put(2, 4, 9, "y", "2", 0)}, "ends as absent"},
		{"a delete is lost", check.History{put(1, 0, 1, "x", "1", 0), op(2, 4, 9, kv.Delete{Key: "x"}, ok(0))}, "delete"},
		{"a refused write", check.History{op(1, 0, 1, wrote("x", "1"), status(kv.Overloaded, 0)), lost(2, 0, wrote("x", "2"))}, "which nobody wrote"},
	}, judge)
}

func TestAppends(t *testing.T) {
	final := []kv.Item{item("x", "<a><b>", 0)}
	judge := func(h check.History) error { return check.Appends(h, final) }
	a, b := appended(1, 0, 1, "x", "<a>", 3, 0), appended(1, 2, 3, "x", "<b>", 6, 0)
	unsure := func(token string) check.Op { return lost(2, 0, kv.Append{Key: "x", Value: []byte(token)}) }
	judgeAll(t, []example{
		{"each once", check.History{a, b}, ""},
		{"an unknown one", check.History{a, unsure("<b>"), unsure("<c>")}, ""},
		{"lost", check.History{a, b, appended(1, 2, 3, "x", "<c>", 9, 0)}, "an acknowledged append is lost"},
		{"refused and done", check.History{a, op(1, 2, 3, kv.Append{Key: "x", Value: []byte("<b>")}, status(kv.Invalid, 0))}, "a refused append was done"},
		{"from nowhere", check.History{a}, "explain 3"},
	}, judge)
	final = []kv.Item{item("x", "<a><b><a>", 0)}
	judgeAll(t, []example{
		{"twice, acknowledged", check.History{a, b}, "executed 2 times"},
		{"twice, unknown", check.History{unsure("<a>"), b}, "executed 2 times"},
	}, judge)
}

func TestRecorderOrdersCallsAndReturns(t *testing.T) {
	var r check.Recorder
	first := r.Call(1, &kv.Request{Op: kv.Get{Key: "x"}})
	second := r.Call(2, &kv.Request{Op: kv.Get{Key: "x"}})
	r.Return(first, ok(1))
	third := r.Call(1, &kv.Request{Op: kv.Get{Key: "x"}})
	r.Return(third, ok(1))
	h := r.History()
	require.Less(t, h[first].Return, h[third].Call)
	require.Less(t, h[second].Call, h[first].Return)
	require.Negative(t, h[second].Return)
	require.Equal(t, `client 1 [1, 3] get "x" -> ok @1`, fmt.Sprint(&h[first]))
}
