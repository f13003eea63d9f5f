package run_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
)

func TestManualClockRingsAlarmsInOrderOfTimeThenOfSetting(t *testing.T) {
	var m run.Manual
	var rang []string
	ring := func(name string) func() {
		return func() {
			require.Zero(t, m.Now()%machine.Second, "Now is the alarm's time while it rings")
			rang = append(rang, name)
		}
	}
	m.AfterFunc(3*machine.Second, ring("c"))
	m.AfterFunc(machine.Second, ring("a"))
	m.AfterFunc(machine.Second, func() {
		ring("b")()
		m.AfterFunc(machine.Second, ring("in between"))
		m.AfterFunc(9*machine.Second, ring("late"))
	})
	m.AfterFunc(-5, ring("at once"))
	stopped := m.AfterFunc(2*machine.Second, ring("stopped"))
	require.True(t, stopped.Stop())
	require.False(t, stopped.Stop())
	require.Empty(t, rang, "nothing rings before Advance")

	m.Advance(3*machine.Second + 7)
	requireSame(t, []string{"at once", "a", "b", "in between", "c"}, rang)
	require.Equal(t, 3*machine.Second+7, m.Now())
	m.Advance(0)
	require.Len(t, rang, 5)
}

func TestManualAlarmsOfOneTimeRingInOrderOfSetting(t *testing.T) {
	var m run.Manual
	var want, rang []int
	for i := range 20 {
		want = append(want, i)
		m.AfterFunc(1, func() { rang = append(rang, i) })
	}
	m.Advance(1)
	requireSame(t, want, rang)
}

func TestManualAlarmThatRangCannotBeStopped(t *testing.T) {
	var m run.Manual
	alarm := m.AfterFunc(1, func() {})
	m.Advance(1)
	require.False(t, alarm.Stop())
}

func TestRealClockStartsAtZeroAndIsMonotonic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := run.NewReal()
		require.Zero(t, clock.Now())
		var rang machine.Time
		clock.AfterFunc(machine.Second, func() { rang = clock.Now() })
		stopped := clock.AfterFunc(machine.Second, func() { t.Error("rang after Stop") })
		require.True(t, stopped.Stop())
		pass(2 * time.Second)
		require.Equal(t, machine.Second, rang)
		require.Equal(t, 2*machine.Second, clock.Now())
	})
}
