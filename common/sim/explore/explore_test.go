package explore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dss.example/common/machine"
	"dss.example/common/sim/explore"
	"dss.example/common/trace"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// word is data of any kind.
type word string

func (w word) AppendTo(b []byte) []byte { return append(b, w...) }

// spoilt is data whose bytes no decoder takes.
type spoilt struct{}

func (spoilt) AppendTo(b []byte) []byte { return append(b, "spoilt"...) }

func decode(b []byte) (machine.Data, error) {
	if string(b) == "spoilt" {
		return nil, errors.New("spoilt")
	}
	return word(b), nil
}

// script is a machine whose state is the list of what it was told, and whose step
// is a function of the test.
type script struct {
	Told []string
	step func(s *script, in machine.In, out *machine.Out)
}

func (s *script) Step(in machine.In, out *machine.Out) { s.step(s, in, out) }

var alice, bob = machine.Addr{Node: 1, Role: "a"}, machine.Addr{Node: 2, Role: "b"}

func place(addr machine.Addr, step func(s *script, in machine.In, out *machine.Out)) explore.Place {
	p := &machine.Protocol{Name: "script", Message: decode, Record: decode, Command: decode, Answer: decode, Return: decode}
	return explore.Place{Addr: addr, Protocol: p, New: func() (explore.Live, error) {
		return explore.Local(&script{step: step}), nil
	}}
}

func silent(*script, machine.In, *machine.Out) {}

// hear is a step that remembers each different message, in order.
func hear(s *script, in machine.In, _ *machine.Out) {
	if r, ok := in.Event.(machine.Recv); ok {
		if text := string(r.Msg.(word)); !slices.Contains(s.Told, text) {
			s.Told = append(s.Told, text)
		}
	}
}

func run(t *testing.T, cfg explore.Config) explore.Result {
	t.Helper()
	r, err := explore.Search(cfg)
	require.NoError(t, err)
	return r
}

func asks(to machine.Addr, words ...word) (list []explore.Ask) {
	for _, w := range words {
		list = append(list, explore.Ask{To: to, Cmd: w})
	}
	return list
}

// tell sends what it is asked to bob.
func tell(_ *script, in machine.In, out *machine.Out) {
	if a, ok := in.Event.(machine.Ask); ok {
		out.SendTo(bob, a.Cmd)
	}
}

func TestMessagesArriveInEveryOrderOrNever(t *testing.T) {
	r := run(t, explore.Config{
		Places: []explore.Place{place(alice, tell), place(bob, hear)},
		Asks:   asks(alice, "x", "y", "z"),
	})
	require.NoError(t, r.Err())
	// Sum over the asked subsets of the ordered subsets of each: 1 + 3*2 + 3*5 + 16.
	require.Equal(t, 38, r.Worlds)
	require.Equal(t, 6, r.Depth)
	require.Equal(t, 3, r.Messages)
}

func TestTheShortestPathIsToldAsWordsAndAsATrace(t *testing.T) {
	places := []explore.Place{place(alice, tell), place(bob, func(s *script, in machine.In, out *machine.Out) {
		hear(s, in, out)
		if len(s.Told) > 0 {
			out.Save = append(out.Save, word(strings.Join(s.Told, ",")))
		}
	})}
	r := run(t, explore.Config{
		Places: places, Asks: asks(alice, "x", "y"),
		Invariant: func(w explore.World) error {
			for d := range w.Saved(bob) {
				if d == word("y,x") {
					return errors.New("out of order")
				}
			}
			return nil
		},
	})
	require.ErrorContains(t, r.Err(), "out of order, after 4 actions")
	require.Empty(t, cmp.Diff([]string{
		`1/a is asked "x"`,
		`1/a is asked "y"`,
		`2/b receives "y" from 1/a`,
		`2/b receives "x" from 1/a`,
	}, r.Violation.Path))
	want := []trace.Record{
		{Addr: alice, Kind: trace.Ready, Change: []string{`+ Told: nil`, `+ step: <func(*explore_test.script, machine.In, *machine.Out)>`}},
		{Addr: bob, Kind: trace.Ready, Change: []string{`+ Told: nil`, `+ step: <func(*explore_test.script, machine.In, *machine.Out)>`}},
		{Addr: alice, Kind: trace.Ask, ID: 1, Data: `"x"`, Sent: []trace.Sent{{ID: 1, To: bob, Data: `"x"`}}},
		{Addr: alice, Kind: trace.Ask, ID: 2, Data: `"y"`, Sent: []trace.Sent{{ID: 2, To: bob, Data: `"y"`}}},
		{Addr: bob, Kind: trace.Recv, From: alice, Msg: 2, Data: `"y"`, Saved: []string{`"y"`}, Change: []string{`- Told: nil`, `+ Told: ["y"]`}},
		{Addr: bob, Kind: trace.Recv, From: alice, Msg: 1, Data: `"x"`, Saved: []string{`"y,x"`}, Change: []string{`- Told: ["y"]`, `+ Told: ["y" "x"]`}},
		{Kind: trace.Violate, Data: "out of order"},
	}
	for i := range want {
		want[i].N, want[i].At = i, machine.Time(i)*machine.Millisecond
	}
	require.Empty(t, cmp.Diff(want, r.Violation.Trace))
}

func TestWhatBreaksTheMachineContractIsAViolation(t *testing.T) {
	on := func(fn func(out *machine.Out)) func(*script, machine.In, *machine.Out) {
		return func(_ *script, in machine.In, out *machine.Out) {
			if _, ok := in.Event.(machine.Ask); ok {
				fn(out)
			}
		}
	}
	calls := 0
	for _, c := range []struct {
		want string
		step func(*script, machine.In, *machine.Out)
	}{
		{"1/a: panic: oh", on(func(*machine.Out) { panic("oh") })},
		{"sent 2/b what it cannot decode", on(func(out *machine.Out) { out.SendTo(bob, spoilt{}) })},
		{"1/a saved what it cannot load", on(func(out *machine.Out) { out.Save = append(out.Save, spoilt{}) })},
		{"1/a answered what nobody can decode", on(func(out *machine.Out) { out.Answer(1, spoilt{}) })},
		{"1/a answers what was not asked: 2", on(func(out *machine.Out) { out.Answer(2, word("")) })},
		{"1/a answers 1 twice", on(func(out *machine.Out) { out.Answer(1, word("p")); out.Answer(1, word("q")) })},
		{"answers what was not asked", on(func(out *machine.Out) { out.Answer(1<<50, word("")) })},
		{"1/a trims to 3, beyond its log", on(func(out *machine.Out) { out.Save, out.Trim = append(out.Save, word("")), 3 })},
		{"1/a sends 2/b an envelope with After", on(func(out *machine.Out) { out.Timer(bob, 1, word("")) })},
		{"1/a notes that it is violated: why", on(func(out *machine.Out) { out.Note = append(out.Note, machine.Fact{Name: "violated", Text: "why"}) })},
		{"the same history led to two states", func(s *script, in machine.In, out *machine.Out) {
			if calls++; calls < 100 {
				s.Told = append(s.Told, fmt.Sprint(calls))
			}
		}},
	} {
		r := run(t, explore.Config{Places: []explore.Place{place(alice, c.step), place(bob, hear)}, Asks: asks(alice, "x", "y")})
		require.ErrorContains(t, r.Err(), c.want, c.want)
		last := r.Violation.Trace[len(r.Violation.Trace)-1]
		require.Equal(t, trace.Violate, last.Kind)
		require.Contains(t, last.Data, c.want)
		require.False(t, r.Exhausted)
	}
}

func TestAViolationAtTheStartHasAnEmptyPath(t *testing.T) {
	r := run(t, explore.Config{Places: []explore.Place{place(alice, func(*script, machine.In, *machine.Out) { panic("oh") })}})
	require.ErrorContains(t, r.Err(), "panic: oh, after 0 actions")
}

func TestASearchCutShortShowsNothing(t *testing.T) {
	cfg := explore.Config{Places: []explore.Place{place(alice, tell), place(bob, hear)}, Asks: asks(alice, "x", "y", "z")}
	cfg.MaxWorlds = 20
	r := run(t, cfg)
	require.ErrorIs(t, r.Err(), explore.ErrNotExhausted)
	require.Equal(t, 20, r.Worlds)

	cfg.MaxWorlds, cfg.MaxDepth = 0, 5
	require.ErrorIs(t, func() error { r := run(t, cfg); return r.Err() }(), explore.ErrNotExhausted)
	cfg.MaxDepth = 7
	r = run(t, cfg)
	require.NoError(t, r.Err())

	// A machine that counts for ever is cut off where its owner says.
	next := func(told []string) string {
		var n int
		if len(told) > 0 {
			fmt.Sscan(told[0], &n)
		}
		return fmt.Sprint(n + 1)
	}
	endless := explore.Config{Places: []explore.Place{place(alice, func(s *script, in machine.In, out *machine.Out) {
		s.Told = []string{next(s.Told)}
		out.Timer(alice, 0, word("again"))
	})}, MaxWorlds: 1 << 30}
	seen := 0
	endless.Progress = func(p explore.Progress) bool { seen = p.Done; return false }
	r = run(t, endless)
	require.ErrorIs(t, r.Err(), explore.ErrNotExhausted)
	require.Equal(t, explore.ProgressEvery, seen)
}

func TestAConfigThatCannotBeSearchedIsRefused(t *testing.T) {
	a := place(alice, silent)
	for _, cfg := range []explore.Config{
		{},
		{Places: make([]explore.Place, explore.MaxPlaces+1)},
		{Places: []explore.Place{{Addr: alice}}},
		{Places: []explore.Place{a, a}},
		{Places: []explore.Place{a}, Asks: asks(bob, "x")},
		{Places: []explore.Place{a}, Asks: make([]explore.Ask, explore.MaxAsks+1)},
		{Places: []explore.Place{a}, Crashes: 1 << 16},
	} {
		_, err := explore.Search(cfg)
		require.ErrorIs(t, err, explore.ErrConfig)
	}
}

func TestAnEnvelopeToOneselfArrivesOnceInOrderAndACrashLosesIt(t *testing.T) {
	var orders []string
	step := func(s *script, in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Ask:
			out.SendTo(alice, word("first"))
			out.SendTo(alice, word("second"))
		case machine.Recv:
			s.Told = append(s.Told, string(e.Msg.(word)))
			orders = append(orders, strings.Join(s.Told, " "))
		}
	}
	cfg := explore.Config{Places: []explore.Place{place(alice, step)}, Asks: asks(alice, "go")}
	r := run(t, cfg)
	require.NoError(t, r.Err())
	require.Equal(t, 4, r.Worlds) // start, asked, first, second
	slices.Sort(orders)
	require.Empty(t, cmp.Diff([]string{"first", "first second"}, slices.Compact(orders)))

	cfg.Crashes = 1
	r = run(t, cfg)
	require.NoError(t, r.Err())
	require.Equal(t, 4+1+4, r.Worlds) // crashed after the ask; crashed before it, and all over again
}

func TestTimersFireEarliestFirstAndMoveTheNodesClock(t *testing.T) {
	step := func(s *script, in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Ready:
			out.Timer(alice, 20, word("late"))
			out.Timer(alice, 10, word("early"))
		case machine.Recv:
			s.Told = append(s.Told, fmt.Sprint(e.Msg, " at ", int64(in.Now)))
			out.SendTo(bob, word(strings.Join(s.Told, ", ")))
		}
	}
	sent := make(map[word]bool)
	cfg := explore.Config{Places: []explore.Place{place(alice, step)}, Invariant: func(w explore.World) error {
		for m := range w.Sent() {
			sent[m.Msg.(word)] = true
		}
		return nil
	}}
	require.Equal(t, 1, run(t, cfg).Worlds)
	cfg.Timers = 1
	require.Equal(t, 2, run(t, cfg).Worlds)
	cfg.Timers = 5
	require.Equal(t, 3, run(t, cfg).Worlds)
	require.Empty(t, cmp.Diff(map[word]bool{"early at 10": true, "early at 10, late at 20": true}, sent))
}

func TestACallIsAskedAndItsAnswerComesBack(t *testing.T) {
	caller := func(s *script, in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Ask:
			out.SendTo(bob, machine.Call{ID: 7, Cmd: e.Cmd})
		case machine.Recv:
			ret := e.Msg.(machine.Return)
			if len(s.Told) == 0 {
				s.Told = append(s.Told, string(ret.Data.(word)))
				out.Answer(1, word(fmt.Sprintf("%d %s", ret.ID, ret.Data)))
			}
		}
	}
	counter := func(s *script, in machine.In, out *machine.Out) {
		if a, ok := in.Event.(machine.Ask); ok {
			s.Told = append(s.Told, "")
			out.Answer(a.ID, word(fmt.Sprintf("%s%d", a.Cmd, len(s.Told))))
		}
	}
	answers := make(map[string]bool)
	cfg := explore.Config{
		Places: []explore.Place{place(alice, caller), place(bob, counter)}, Asks: asks(alice, "x"),
		Invariant: func(w explore.World) error {
			for a := range w.Answers() {
				answers[fmt.Sprintf("%s %d: %s", trace.Name(a.By), a.Ask, a.Data)] = true
			}
			return nil
		},
	}
	r := run(t, cfg)
	require.NoError(t, r.Err())
	require.Equal(t, 4, r.Worlds)
	require.Empty(t, cmp.Diff(map[string]bool{"1/a 0: 7 x1": true}, answers))
	cfg.Calls = 2
	r = run(t, cfg)
	require.NoError(t, r.Err())
	require.Empty(t, cmp.Diff(map[string]bool{"1/a 0: 7 x1": true, "1/a 0: 7 x2": true}, answers))
}

// logger saves two records at an ask, sends an early and a late message, and
// tells at Ready what it found.
func logger(s *script, in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		s.Told = append(s.Told, fmt.Sprint(e.Seq, e.Record))
	case machine.Ready:
		out.SendTo(bob, word(fmt.Sprintf("found %s fresh=%t", s.Told, e.Fresh)))
	case machine.Ask:
		out.Save = append(out.Save, word("r1"), word("r2"))
		out.Send = append(out.Send, machine.Envelope{To: bob, Early: true, Msg: word("early")})
		out.SendTo(bob, word("late"))
	}
}

func TestACrashMayInterruptAStepAfterEachOfItsRecords(t *testing.T) {
	seen := make(map[string]bool)
	r := run(t, explore.Config{
		Places: []explore.Place{place(alice, logger)}, Asks: asks(alice, "go"), Crashes: 1,
		Invariant: func(w explore.World) error {
			var sent []string
			for m := range w.Sent() {
				sent = append(sent, string(m.Msg.(word)))
			}
			slices.Sort(sent)
			seen[strings.Join(sent, "; ")] = true
			return nil
		},
	})
	require.NoError(t, r.Err())
	require.Empty(t, cmp.Diff(map[string]bool{
		"found [] fresh=true":                                           true, // the start, or a crash before the ask
		"early; found [] fresh=true":                                    true, // nothing was saved
		"early; found [1r1] fresh=false; found [] fresh=true":           true,
		"early; found [] fresh=true; late":                              true,
		"early; found [1r1 2r2] fresh=false; found [] fresh=true; late": true,
	}, seen))
}

func TestACrashTakesEveryRoleOfItsNodeAndOnlyTheMortal(t *testing.T) {
	other := machine.Addr{Node: 1, Role: "other"}
	boots := func(s *script, in machine.In, out *machine.Out) {
		switch in.Event.(type) {
		case machine.Load:
			s.Told = append(s.Told, "")
		case machine.Ready:
			out.Save = append(out.Save, word("boot"))
			out.SendTo(machine.Addr{Node: 9}, word(fmt.Sprint(len(s.Told))))
		}
	}
	cfg := explore.Config{
		Places:  []explore.Place{place(alice, boots), place(other, boots), place(bob, boots)},
		Crashes: 3, Mortal: []machine.Node{1},
		Invariant: func(w explore.World) error {
			count := make(map[machine.Addr]int)
			for m := range w.Sent() {
				count[m.From]++
			}
			if count[alice] != count[other] || count[bob] != 1 {
				return fmt.Errorf("boots: %v", count)
			}
			return nil
		},
	}
	r := run(t, cfg)
	require.NoError(t, r.Err())
	require.Equal(t, 4, r.Worlds)
}

func TestALogThatGrowsByRepetitionIsNoNewStateForEver(t *testing.T) {
	step := func(s *script, in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Load:
			s.Told = []string{string(e.Record.(word))}
		case machine.Recv:
			s.Told = []string{string(e.Msg.(word))}
			out.Save = append(out.Save, e.Msg) // again at each repetition
		}
	}
	cfg := explore.Config{
		Places: []explore.Place{place(alice, tell), place(bob, step)}, Asks: asks(alice, "x", "y"),
		Crashes: 1, MaxWorlds: 1000,
	}
	r := run(t, cfg)
	require.NoError(t, r.Err())
}

func TestTrimmedRecordsAreNotLoadedAgainAndStillCountAsSaved(t *testing.T) {
	found := make(map[string]bool)
	step := func(s *script, in machine.In, out *machine.Out) {
		switch e := in.Event.(type) {
		case machine.Load:
			s.Told = append(s.Told, fmt.Sprint(e.Seq, e.Record))
		case machine.Ready:
			found[fmt.Sprintf("%s fresh=%t", s.Told, e.Fresh)] = true
		case machine.Ask:
			out.Save = append(out.Save, word("old"), word("new"))
			out.Trim = 2
		}
	}
	saved := make(map[string]bool)
	r := run(t, explore.Config{
		Places: []explore.Place{place(alice, step)}, Asks: asks(alice, "go"), Crashes: 1,
		Invariant: func(w explore.World) error {
			saved[fmt.Sprint(slices.Collect(w.Saved(alice)))] = true
			return nil
		},
	})
	require.NoError(t, r.Err())
	require.Equal(t, 1+1+1+3, r.Worlds) // a crash at the start, before the trim and after it; then the ask
	require.Empty(t, cmp.Diff(map[string]bool{"[]": true, "[old]": true, "[old new]": true}, saved))
	require.Empty(t, cmp.Diff(map[string]bool{"[] fresh=true": true, "[1old] fresh=false": true, "[2new] fresh=false": true}, found))
}

func TestAMachineWhoseStateIsHiddenIsSearchedByItsHistory(t *testing.T) {
	hidden := func() (explore.Live, error) {
		told := 0 // a dump cannot see it
		return explore.ByHistory(&script{step: func(_ *script, in machine.In, out *machine.Out) {
			if _, ok := in.Event.(machine.Ask); ok {
				told++
				out.SendTo(bob, word(fmt.Sprint(told)))
			}
		}}), nil
	}
	p := place(alice, nil)
	p.New = hidden
	r := run(t, explore.Config{Places: []explore.Place{p}, Asks: asks(alice, "x", "y"), Invariant: func(w explore.World) error {
		for m := range w.Sent() {
			if m.Msg == word("2") {
				return errors.New("told twice")
			}
		}
		return nil
	}})
	require.ErrorContains(t, r.Err(), "told twice, after 2 actions")
}

func TestInjectedMessagesAreSentTogether(t *testing.T) {
	cfg := explore.Config{
		Places: []explore.Place{place(alice, hear), place(bob, hear)},
		Inject: func(w explore.World) []explore.Act {
			return []explore.Act{{Name: "both", Send: []machine.Envelope{{To: alice, Msg: word("x")}, {To: bob, Msg: word("x")}}}}
		},
		Invariant: func(w explore.World) error {
			if n := len(slices.Collect(func(yield func(int) bool) {
				for range w.Sent() {
					yield(0)
				}
			})); n == 1 {
				return errors.New("one without the other")
			}
			return nil
		},
	}
	r := run(t, cfg)
	require.NoError(t, r.Err())
	require.Equal(t, 5, r.Worlds)
}

func TestMachinesThatHoldSomethingAreStopped(t *testing.T) {
	made, stopped := 0, 0
	p := place(alice, nil)
	p.New = func() (explore.Live, error) {
		made++
		return explore.Local(&holder{script{step: tell}, func() { stopped++ }}), nil
	}
	r := run(t, explore.Config{Places: []explore.Place{p, place(bob, hear)}, Asks: asks(alice, "x", "y"), Crashes: 1})
	require.NoError(t, r.Err())
	require.Positive(t, made)
	require.Equal(t, made, stopped)
}

type holder struct {
	script
	stopped func()
}

func (h *holder) Stop() { h.stopped() }
