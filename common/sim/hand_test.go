package sim_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/toys/chain"
)

func addr(n machine.Node, role string) machine.Addr { return machine.Addr{Node: n, Role: role} }

func newHand(t *testing.T) *sim.Hand {
	h := sim.NewHand(chain.World(chain.None))
	t.Cleanup(h.Close)
	h.Start()
	return h
}

func TestByHandNothingHappensThatIsNotAskedFor(t *testing.T) {
	h := newHand(t)
	require.Empty(t, h.Letters())
	x, err := h.Ask(addr(11, "client"), chain.Cmd{Kind: chain.Append, Value: "x"})
	require.NoError(t, err)
	letters := h.Letters()
	require.Len(t, letters, 2, "a call and its timer")
	require.Nil(t, x.Answer)
	require.NoError(t, h.Deliver(letters[0].ID, false))
	require.Error(t, h.Deliver(letters[0].ID, false), "it has arrived")
	require.Error(t, h.Drop(letters[0].ID))
	require.Error(t, h.Deliver(0, false))
}

func TestAStalledDiskHoldsBackWhatRestsOnIt(t *testing.T) {
	h := newHand(t)
	h.Stall(9, true)
	_, err := h.Ask(addr(11, "client"), chain.Cmd{Kind: chain.Append, Value: "x"})
	require.NoError(t, err)
	require.NoError(t, h.Deliver(h.Letters()[0].ID, false))
	require.Len(t, h.Letters(), 1, "only the client's timer: the sequencer's answer waits")
	h.Stall(9, false)
	require.Len(t, h.Letters(), 2)
}

func TestACutLosesMessagesAndNeverTimers(t *testing.T) {
	h := newHand(t)
	require.NoError(t, h.Cut([]machine.Node{9}))
	_, err := h.Ask(addr(11, "client"), chain.Cmd{Kind: chain.Append, Value: "x"})
	require.NoError(t, err)
	require.NoError(t, h.Deliver(h.Letters()[0].ID, false))
	require.Len(t, h.Letters(), 1)
	h.Heal()
	h.Advance(50 * machine.Millisecond)
	letters := h.Letters()
	require.NoError(t, h.Deliver(letters[0].ID, false))
	require.Equal(t, addr(9, "sequencer"), h.Letters()[len(h.Letters())-1].From, "now it is heard")
}

func TestMistakesOfAHandAreToldAndChangeNothing(t *testing.T) {
	h := newHand(t)
	_, err := h.Ask(addr(77, "client"), chain.Cmd{})
	require.ErrorContains(t, err, "no address")
	require.NoError(t, h.Crash(1))
	require.Error(t, h.Crash(1))
	require.Error(t, h.Crash(77))
	require.Error(t, h.Restart(2, false))
	require.NoError(t, h.Restart(1, true))
	require.Error(t, h.Cut([]machine.Node{77}))
	require.NoError(t, h.Crash(11))
	_, err = h.Ask(addr(11, "client"), chain.Cmd{Kind: chain.Append, Value: "x"})
	require.ErrorContains(t, err, "down")
	require.Empty(t, h.Letters())
	require.Nil(t, h.World().Run())
}

func TestADriverSleepsExactlyAndItsCallersTakeTurns(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Faults, cfg.Scheduler = sim.Faults{}, sim.Timed
	d := sim.NewDriver(cfg, 3)
	defer d.Close()
	before := d.Now()
	d.Sleep(machine.Second)
	require.Equal(t, before+machine.Second, d.Now())

	got := make([]chain.Answer, 3)
	d.Parallel(3, func(i int) {
		got[i] = d.Ask(addr(machine.Node(11+i), "client"), chain.Cmd{Kind: chain.Append, Value: string(rune('a' + i))}).(chain.Answer)
	})
	seen := map[uint64]bool{}
	for _, a := range got {
		require.True(t, a.OK)
		require.False(t, seen[a.Pos], "position %d twice", a.Pos)
		seen[a.Pos] = true
	}
	require.NoError(t, d.Err())
	require.Len(t, d.World().History(), 3)
}

func TestADriverWhoseNodeCrashesGetsNoAnswer(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Faults, cfg.Scheduler = sim.Faults{Crash: 0.5}, sim.Timed
	lost := 0
	for seed := range uint64(20) {
		d := sim.NewDriver(cfg, seed)
		if d.Ask(addr(11, "client"), chain.Cmd{Kind: chain.Append, Value: "x"}) == nil {
			lost++
		}
		d.Close()
	}
	require.Positive(t, lost)
}

func TestARightRunHasNothingToShrinkAndAWrongOneReplaysFromItsList(t *testing.T) {
	require.Nil(t, sim.Shrink(chain.World(chain.None), 1, 100))
	cfg := chain.World(chain.Overwrite)
	sum := sim.Many(t.Context(), cfg, 1, 1000, nil)
	require.NotNil(t, sum.Failed)
	small := sim.Shrink(cfg, sum.Seed, 2000)
	require.NotNil(t, small)
	require.Less(t, len(small.Actions), small.Before)
	w := sim.Replay(cfg, sum.Seed, small.Actions)
	defer w.Close()
	fail := w.Run()
	require.NotNil(t, fail)
	require.Equal(t, small.Failure.Error(), fail.Error())
	require.Len(t, sim.Describe(cfg, small.Actions), len(small.Actions))
	for i := range small.Actions { // nothing more can go
		rest := append(append([]sim.Action(nil), small.Actions[:i]...), small.Actions[i+1:]...)
		w := sim.Replay(cfg, sum.Seed, rest)
		fail := w.Run()
		w.Close()
		require.Nil(t, fail, "action %d is not needed", i)
	}
}

func TestInterruptedSchedulesAreNoPass(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sum := sim.Many(ctx, chain.World(chain.None), 1, 100, nil)
	require.True(t, sum.Stopped)
	require.Less(t, sum.Schedules, 100)
}

func TestAMachineThatCannotBeMadeFailsTheRun(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Nodes[0].Roles[0].Protocol = &machine.Protocol{
		Name: "none", New: func(machine.Addr, []byte) (machine.Machine, error) { return nil, errors.New("bad configuration") },
	}
	fail := run(cfg, 1).Run()
	require.NotNil(t, fail)
	require.Equal(t, "contract", fail.Rule)
	require.ErrorContains(t, fail, "bad configuration")
}
