package crashtest

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/house/tally"
)

var states = flag.Int("states", 5000, "how many states of long runs to try")

// story is what was done to a place before, and what is done while it may crash.
type story struct{ before, ops []op }

// after returns what a place holds after the first n of the ops.
func (s story) after(n int) state {
	st := state{blobs: map[int]bool{}, heads: map[string]contents{}}
	for _, o := range append(append([]op(nil), s.before...), s.ops[:min(n, len(s.ops))]...) {
		o.add(&st)
	}
	return st
}

func (s story) scenario() crash.Scenario {
	return crash.Scenario{
		Setup: func(d disk.Disk) error { return tell(d, s.before, func(int) {}) },
		Run:   func(d disk.Disk, ack func(int)) error { return tell(d, s.ops, ack) },
		Check: s.check,
	}
}

// tell does the ops, one after the other.
func tell(d disk.Disk, ops []op, ack func(int)) error {
	p, _, err := open(d)
	if err != nil {
		return err
	}
	for i, o := range ops {
		if err := o.do(p); err != nil {
			return errors.Join(err, p.close())
		}
		ack(i + 1)
	}
	return p.close()
}

// check opens what a crash has left twice. Both times it holds what was acknowledged, and
// what was under way or not.
func (s story) check(d disk.Disk, acked int) error {
	first, err := s.recover(d, acked)
	if err != nil {
		return err
	}
	second, err := s.recover(d, acked)
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	if a, b := fmt.Sprint(first, first.blobs), fmt.Sprint(second, second.blobs); a != b {
		return fmt.Errorf("opened again it holds\n%sand not\n%s", b, a)
	}
	return nil
}

func (s story) recover(d disk.Disk, acked int) (state, error) {
	p, report, err := open(d)
	if err != nil {
		return state{}, err
	}
	defer func() { _ = p.close() }()
	if len(report.Damage) > 0 || report.Lost > 0 {
		return state{}, fmt.Errorf("a crash is taken for damage of the log: %+v", report)
	}
	if st := p.Blobs.Stats(); st.Damaged > 0 || st.Lost > 0 {
		return state{}, fmt.Errorf("a crash is taken for damage of blobs: %+v", st)
	}
	old, next := s.after(acked), s.after(acked+1)
	got, err := look(p, s.after(len(s.ops)).blobs)
	if err != nil {
		return got, err
	}
	for n := range old.blobs {
		if !got.blobs[n] {
			return got, fmt.Errorf("blob %d is lost, which was acknowledged", n)
		}
	}
	for n := range got.blobs {
		if !next.blobs[n] {
			return got, fmt.Errorf("blob %d is there, which nobody has written yet", n)
		}
	}
	if text := got.String(); text != old.String() && text != next.String() {
		return got, fmt.Errorf("after %d operations it holds\n%swant\n%sor\n%s", acked, text, old, next)
	}
	return got, nil
}

// pairs makes contents of n pairs, of which a tree has several nodes.
func pairs(n int, value string) contents {
	c := contents{}
	for i := range n {
		c[fmt.Sprintf("key %02d", i)] = fmt.Sprintf("%s %02d", value, i)
	}
	return c
}

// short are the stories of which every moment is tried.
func short() map[string]story {
	a, b := pairs(20, "value of a"), pairs(20, "value of b")
	both := []op{edit("main", a), edit("spare", b)}
	return map[string]story{
		"one put":    {ops: []op{put(1)}},
		"two puts":   {ops: []op{put(1), put(2)}},
		"three puts": {ops: []op{put(1), put(2), put(3)}},
		"an update of a tree": {
			before: []op{edit("main", a)},
			ops:    []op{edit("main", contents{"key 03": "new", "key 11": "", "key 99": "more"})},
		},
		"a swap of heads": {before: both, ops: []op{swap("main", b), swap("spare", a)}},
		"commits":         {before: []op{edit("main", a), commit("main", "1")}, ops: []op{commit("main", "2")}},
		"an update, a note of it, a commit": {
			before: []op{edit("main", a), commit("main", "1"), note("one")},
			ops:    []op{edit("main", contents{"key 03": "new"}), note("two"), commit("main", "2")},
		},
	}
}

func count(t *testing.T, s crash.Stats) {
	tally.Add(t, "crashes", s.States)
	t.Log(s)
}

func TestEveryCrashLeavesWhatWasAcknowledgedAndNothingByHalf(t *testing.T) {
	for name, s := range short() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.Explore(s.scenario(), crash.Options{})
			require.NoError(t, err)
			require.Zero(t, stats.Sampled, "every subset was tried")
			require.Greater(t, stats.Distinct, 5)
			count(t, stats)
		})
	}
}

func TestEveryCrashOfARecoveryLeavesTheSame(t *testing.T) {
	for name, s := range short() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.Explore(s.scenario(), crash.Options{Depth: 2, PerCall: 1 << 8})
			require.NoError(t, err)
			count(t, stats)
		})
	}
}

func TestEachCallThatFailsAndEachTwoLoseNothingAcknowledged(t *testing.T) {
	pairs := 1 << 20 // all
	if testing.Short() {
		pairs = 50
	}
	for name, s := range short() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.FailEach(s.scenario(), crash.Options{PerCall: 8, Pairs: pairs})
			require.NoError(t, err)
			count(t, stats)
		})
	}
}

// long draws a story that nobody can try all moments of.
func long(seed uint64) story {
	r := rand.New(rand.NewPCG(seed, 0))
	heads := []string{"main", "spare"}
	s := story{before: []op{edit("main", pairs(20, "value")), commit("main", "0")}}
	for i := range 6 {
		name := heads[r.IntN(2)]
		var o op
		switch r.IntN(5) {
		case 0:
			o = put(10*i+10, 10*i+11, 10*i+12)
		case 1:
			o = note(fmt.Sprintf("note %d", i))
		case 2:
			o = commit("main", fmt.Sprint(i+1))
		case 3:
			o = swap(name, pairs(1+r.IntN(40), fmt.Sprint("swapped ", i)))
		default:
			o = edit(name, pairs(1+r.IntN(40), fmt.Sprint("edited ", i)))
		}
		s.ops = append(s.ops, o)
	}
	return s
}

func TestEveryCrashOfDrawnRunsLeavesWhatWasAcknowledged(t *testing.T) {
	var total crash.Stats
	for seed := uint64(1); total.States < *states; seed++ {
		stats, err := crash.Explore(long(seed).scenario(), crash.Options{PerCall: 1 << 10, Seed: seed})
		require.NoError(t, err, "seed %d", seed)
		total.Runs += stats.Runs
		total.Calls += stats.Calls
		total.States += stats.States
		total.Distinct += stats.Distinct
		total.Sampled += stats.Sampled
	}
	count(t, total)
}
