package run_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
)

func TestWhatAMachineSendsItselfComesBehindTheInputsThatAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(clerk))
		w.log.shut()
		tell(w.loop, "self gathered,save a")
		synctest.Wait()
		tell(w.loop, "send b")
		tell(w.loop, "send c")
		w.log.open()
		synctest.Wait()
		requireSame(t, []string{"save a", "sync <nil>", "send b", "send c", "send gathered"}, w.take())
		w.stop(t)
	})
}

// A machine that was held up must not take its leader for dead whose word is there.
func TestATimerThatIsDueComesBehindTheInputsThatAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, toy(func(in machine.In, out *machine.Out) {
			if e, ok := in.Event.(machine.Ask); ok && e.Cmd == word("wait") {
				out.Timer(self, 10*machine.Millisecond, word("send late"))
				return
			}
			clerk(in, out)
		}))
		w.log.shut()
		call(w.loop, 1, "wait")
		synctest.Wait()
		tell(w.loop, "save a")
		pass(20 * time.Millisecond)
		tell(w.loop, "send leader")
		w.log.open()
		synctest.Wait()
		requireSame(t, []string{"save a", "sync <nil>", "send leader", "send late"}, w.take())
		w.stop(t)
	})
}

// flushing has Flush noted in the journal.
func flushing(c *run.Config) {
	j := c.Log.(*gatedLog).j
	c.Flush = func() { j.add("flush") }
}

func TestLoopFlushesBeforeItSyncsAndBeforeItWaits(t *testing.T) {
	gated(t, func(t *testing.T, w *world, open func()) {
		tell(w.loop, "send late,early e,save a")
		tell(w.loop, "early f,send g")
		open()
		want := []string{
			"sync <nil>", "return 1 save first", "flush",
			"send e", "save a", "send f", "flush", "sync <nil>", "send late", "send g", "flush",
		}
		requireSame(t, want, w.take(), "what is early waited for the sync, or something was left behind")

		tell(w.loop, "send h")
		synctest.Wait()
		requireSame(t, []string{"send h", "flush"}, w.take())
		tell(w.loop, "save b")
		synctest.Wait()
		requireSame(t, []string{"save b", "sync <nil>"}, w.take(), "there was nothing to flush")
	}, flushing)
}

func TestLockFlushesAfterEachInputThatSends(t *testing.T) {
	var j journal
	l, err := run.NewLock(run.Config{
		Self: self, Machine: toy(clerk), Protocol: words(), Send: j.send, Flush: func() { j.add("flush") },
	})
	require.NoError(t, err)
	tell(l, "send a,send b")
	tell(l, "nothing")
	call(l, 1, "early c")
	want := []string{"send a", "send b", "flush", "send c", "return 1 early c", "flush"}
	requireSame(t, want, j.take())
	require.NoError(t, l.Stop(t.Context()))
}
