package agenda_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table/agenda"
)

type due struct {
	at machine.Time
	id uint64
}

func drain(a *agenda.Agenda, now machine.Time) (got []due) {
	for {
		at, id, ok := a.Pop(now)
		if !ok {
			return got
		}
		got = append(got, due{at, id})
	}
}

func TestPopReturnsWhatIsDueInOrderOfTimeThenID(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var a agenda.Agenda
	var want []due
	for id := range uint64(500) {
		d := due{machine.Time(rnd.IntN(100)), id}
		want = append(want, d)
		a.Add(d.at, d.id)
	}
	slices.SortFunc(want, func(x, y due) int { return int(x.at-y.at)*1000 + int(x.id) - int(y.id) })
	early := slices.IndexFunc(want, func(d due) bool { return d.at > 49 })
	require.Equal(t, want[:early], drain(&a, 49))
	at, ok := a.Next()
	require.True(t, ok)
	require.Equal(t, want[early].at, at)
	require.Equal(t, want[early:], drain(&a, 100))
	_, ok = a.Next()
	require.False(t, ok)
}

func TestPruneKeepsTheAgendaBoundedAndOrdered(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var a agenda.Agenda
	const live = 10
	for id := range uint64(10_000) {
		a.Add(machine.Time(rnd.IntN(1000)), id)
		a.Prune(live, func(_ machine.Time, old uint64) bool { return old+live > id })
		require.LessOrEqual(t, a.Len(), 2*live+64+1)
	}
	got := drain(&a, 1000)
	require.True(t, slices.IsSortedFunc(got, func(x, y due) int { return int(x.at - y.at) }))
	last := 0
	for _, d := range got {
		if d.id+live >= 10_000 {
			last++
		}
	}
	require.Equal(t, live, last, "what holds was pruned")
}

func TestAlarmSendsATimerOnlyWhenItIsTheEarliest(t *testing.T) {
	var a agenda.Alarm
	var out machine.Out
	self := machine.Addr{Node: 1, Role: "x"}
	a.Arm(self, 0, 100, &out)
	a.Arm(self, 0, 200, &out)
	a.Arm(self, 10, 50, &out)
	want := []machine.Envelope{
		{To: self, After: 100, Msg: agenda.Tick{At: 100}},
		{To: self, After: 40, Msg: agenda.Tick{At: 50}},
	}
	require.Equal(t, want, out.Send)

	a.Rang(agenda.Tick{At: 50})
	a.Arm(self, 50, 150, &out) // the one at 100 is still on its way
	require.Len(t, out.Send, 2)
	a.Rang(agenda.Tick{At: 100})
	a.Rang(agenda.Tick{At: 7}) // unknown
	a.Arm(self, 160, 150, &out)
	require.Equal(t, machine.Envelope{To: self, Msg: agenda.Tick{At: 150}}, out.Send[2])
}

func TestAlarmStillRingsForTheEarliestBeyondItsBound(t *testing.T) {
	var a agenda.Alarm
	var out machine.Out
	self := machine.Addr{Node: 1}
	for at := machine.Time(1000); at > 0; at-- {
		a.Arm(self, 0, at, &out)
	}
	require.Len(t, out.Send, 1000)
	for at := machine.Time(1); at <= 1000; at++ {
		a.Rang(agenda.Tick{At: at})
	}
	a.Arm(self, 1000, 2000, &out)
	require.Len(t, out.Send, 1001, "an alarm that is off must be armed")
}

func FuzzTick(f *testing.F) {
	f.Add(agenda.Tick{At: 17}.AppendTo(nil))
	f.Add(agenda.Tick{At: -1 << 63}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := agenda.DecodeTick(b)
		if err == nil {
			require.Equal(t, b, d.AppendTo(nil))
		}
	})
}
