package check

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// These tests see inside the package: they hold the two ways of checking against
// each other and against a trial of all orders.

// world makes small random histories of a right store, and spoils some.
type world struct {
	*rand.Rand
	txns  bool
	model *Model
	n     int
}

func (w *world) op() kv.Op {
	key := string("xy"[w.IntN(2)])
	w.n++
	value := []byte{byte('a' + w.n)}
	switch w.IntN(9) {
	case 0, 1:
		return kv.Put{Key: key, Value: value}
	case 2:
		return kv.Delete{Key: key}
	case 3:
		return kv.Append{Key: key, Value: value}
	case 4:
		var old kv.Version
		if it := w.model.items.get(key); it != nil {
			old = it.Mod
		}
		return kv.CAS{Key: key, Value: value, Old: old}
	case 5:
		if w.txns {
			return kv.Txn{
				If:   []kv.Compare{{Key: "x", Target: kv.TargetCount, Relation: kv.Greater, Number: 1}},
				Then: []kv.Op{kv.Put{Key: "y", Value: value}, kv.Get{Key: "x"}}, Else: []kv.Op{kv.Put{Key: "x", Value: value}},
			}
		}
	case 6:
		if w.txns {
			return kv.Scan{}
		}
	}
	return kv.Get{Key: key}
}

// history runs n operations that take effect one after another and are under way
// for some time around that.
func (w *world) history(n int) (h History) {
	w.model, w.n = NewModel(kv.Caps{Level: kv.StrictSerializable, Has: ^kv.Cap(0)}, 0), 0
	for i := range n {
		req := &kv.Request{Op: w.op()}
		at := machine.Time(10 * i)
		o := Op{Client: i, Call: at - w.Int64N(40), Return: at + w.Int64N(40), Req: req}
		switch w.IntN(6) {
		case 0:
			o.Return = Never // and not done
		case 1:
			o.Return = Never
			w.model.Do(0, req)
		default:
			o.Resp = w.model.Do(0, req)
		}
		h = append(h, o)
	}
	return h
}

func (w *world) Int64N(n int64) machine.Time { return machine.Time(w.Rand.Int64N(n)) }

// spoil changes one answer or one time, which may or may not break the history.
func (w *world) spoil(h History) History {
	h = slices.Clone(h)
	o := &h[w.IntN(len(h))]
	switch other := &h[w.IntN(len(h))]; {
	case o.Resp == nil:
		return h
	case w.IntN(3) == 0:
		length := o.Return - o.Call
		o.Call = w.Int64N(80)
		o.Return = o.Call + length
	case other.Resp != nil && kv.OpName(o.Req.Op) == kv.OpName(other.Req.Op):
		o.Resp, other.Resp = other.Resp, o.Resp
	default:
		resp := *o.Resp
		resp.Status, resp.Result = kv.NotFound, nil
		if _, ok := o.Req.Op.(kv.Get); ok {
			o.Resp = &resp
		}
	}
	return h
}

// verdicts of one history: whether it passes.
type verdicts struct{ byRevision, byRevisionTried, searched, tried, byKey bool }

func judgeWays(t *testing.T, h History) (v verdicts, checked bool) {
	t.Helper()
	checked = true
	pass := func(err error) bool {
		checked = checked && !errors.Is(err, ErrNotChecked)
		return err == nil
	}
	whole, err := steps(h, true)
	require.NoError(t, err)
	revs := kv.Caps{Has: kv.CapRevisions}
	v.byRevision = pass(StrictlySerializable(h, revs))
	v.byRevisionTried = pass(exhaustive(whole, true))
	v.searched = pass(searchKeys(whole, searchTime))
	v.tried = pass(exhaustive(whole, false))
	v.byKey = pass(Linearizable(h, kv.Caps{}))
	return v, checked
}

// lostOnTwoKeys reports whether writes of unknown outcome concern both keys. Then
// the witness, which looks at each key by itself, may give both one revision.
func lostOnTwoKeys(h History) bool {
	lost := map[string]bool{}
	for i := range h {
		if h[i].Resp == nil && !kv.ReadOnly(h[i].Req.Op) {
			for _, key := range touched(h[i].Req.Op, nil) {
				lost[key] = true
			}
		}
	}
	return len(lost) > 1
}

func TestAllWaysOfCheckingAgree(t *testing.T) {
	for _, txns := range []bool{false, true} {
		t.Run(fmt.Sprintf("txns=%v", txns), func(t *testing.T) {
			good, bad := 0, 0
			for seed := range uint64(2000) {
				w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), txns: txns}
				h := w.history(7)
				v, checked := judgeWays(t, h)
				require.True(t, checked)
				require.Equal(t, verdicts{true, true, true, true, true}, v, "seed %d: a right history\n%s", seed, h)
				h = w.spoil(h)
				v, checked = judgeWays(t, h)
				if !checked {
					continue
				}
				if v.byRevisionTried || !lostOnTwoKeys(h) {
					require.Equal(t, v.byRevisionTried, v.byRevision, "seed %d: witness and trial\n%s", seed, h)
				}
				require.Equal(t, v.tried, v.searched, "seed %d: search and trial\n%s", seed, h)
				require.True(t, v.tried || !v.byRevision, "seed %d: the witness passes what has no order\n%s", seed, h)
				require.True(t, v.byKey || !v.tried, "seed %d: key by key is the weaker rule\n%s", seed, h)
				if !txns {
					require.Equal(t, v.tried, v.byKey, "seed %d: key by key is the same rule for single keys\n%s", seed, h)
				}
				if v.byRevision {
					good++
				} else {
					bad++
				}
			}
			require.Greater(t, good, 150)
			require.Greater(t, bad, 150)
		})
	}
}

func TestASearchThatTakesTooLongIsNoPass(t *testing.T) {
	var h History
	for i := range 20_000 {
		now := machine.Time(i)
		h = append(h, Op{
			Client: i % 5, Call: now - 3, Return: now + 3,
			Req: &kv.Request{Op: kv.Append{Key: "x"}}, Resp: &kv.Response{Status: kv.OK, Result: kv.Length{}},
		})
	}
	all, err := steps(h, false)
	require.NoError(t, err)
	require.ErrorIs(t, searchKeys(all, time.Microsecond), ErrNotChecked)
}

func (h History) String() (text string) {
	for i := range h {
		text += h[i].String() + "\n"
	}
	return text
}
