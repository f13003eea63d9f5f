package run_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/recording"
	"dss.example/common/stable"
)

// dicer answers with what the world gave it: its config, the time and the dice.
func dicer(at machine.Addr, config []byte) machine.Machine {
	steps := 0
	return toy(func(in machine.In, out *machine.Out) {
		steps++
		if e, ok := in.Event.(machine.Ask); ok {
			if e.Cmd == word("panic") {
				panic("boom")
			}
			out.Save = append(out.Save, e.Cmd)
			out.Answer(e.ID, word(fmt.Sprint(string(config), steps, in.Now, in.Rand)))
			out.Timer(at, machine.Millisecond, e.Cmd)
		}
	})
}

func TestRecordingOfTheRealWorldReplays(t *testing.T) {
	var file bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		rec := recording.New(&file)
		record := func(c *run.Config) { c.Record, c.Setup = rec, []byte("six") }
		w := newWorld(t, dicer(self, []byte("six")), record)
		v := newWorld(t, dicer(peer, []byte("six")), record, func(c *run.Config) { c.Self = peer })
		for i := range 20 {
			_, err := w.loop.Ask(t.Context(), word(fmt.Sprint(i)))
			require.NoError(t, err)
			_, err = v.loop.Ask(t.Context(), word("x"))
			require.NoError(t, err)
			tell(w.loop, "hello")
		}
		pass(2 * time.Second)
		w.stop(t)
		v.stop(t)
		require.NoError(t, rec.Flush())
	})

	machines := map[machine.Addr]machine.Machine{}
	steps := map[machine.Addr]int{}
	for step, err := range recording.Read(&file) {
		require.NoError(t, err)
		h := step.Header
		if machines[h.Self] == nil {
			require.Equal(t, "words", h.Protocol)
			machines[h.Self] = dicer(h.Self, h.Config)
		}
		require.Equal(t, steps[h.Self], step.Number)
		steps[h.Self]++
		in, err := machine.DecodeIn(step.In, words())
		require.NoError(t, err)
		var out machine.Out
		machines[h.Self].Step(in, &out)
		require.True(t, step.Ended)
		require.Equal(t, step.Hash, recording.Hash(&out), "%v step %d answers otherwise", h.Self, step.Number)
	}
	requireSame(t, map[machine.Addr]int{self: 1 + 20 + 20 + 20, peer: 1 + 20 + 20}, steps)
}

func TestRecordingHoldsTheInputThatPanicsAndTheErrorNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "crash.rec")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	l, err := run.Start(run.Config{
		Self: self, Machine: dicer(self, nil), Protocol: words(), Log: stable.NewMemory(), Record: recording.New(file),
	})
	require.NoError(t, err)
	_, err = l.Ask(t.Context(), word("panic"))
	require.ErrorIs(t, err, run.ErrPanic)
	require.ErrorContains(t, err, name)
	<-l.Done()

	_, err = file.Seek(0, 0)
	require.NoError(t, err)
	var last recording.Step
	for step, err := range recording.Read(file) {
		require.NoError(t, err)
		last = step
	}
	require.False(t, last.Ended)
	in, err := machine.DecodeIn(last.In, words())
	require.NoError(t, err)
	requireSame(t, machine.Event(machine.Ask{ID: 1, Cmd: word("panic")}), in.Event)
}

func TestLockRecordsToo(t *testing.T) {
	var file bytes.Buffer
	rec := recording.New(&file)
	l, _ := newLock(t, &door{}, func(c *run.Config) { c.Record, c.Protocol = rec, nil })
	_, err := l.Ask(t.Context(), word("send a"))
	require.NoError(t, err)
	require.NoError(t, l.Stop(t.Context()))
	n := 0
	for _, err := range recording.Read(&file) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 2, n)
}

func TestFullRecordingRefusesTheMachineThatIsOneTooMany(t *testing.T) {
	rec := recording.New(&bytes.Buffer{})
	for range recording.MaxMachines {
		_, err := rec.Track(recording.Header{Self: self})
		require.NoError(t, err)
	}
	_, err := run.NewLock(run.Config{Self: self, Machine: toy(clerk), Record: rec})
	require.Error(t, err)
}
