package wire_test

import (
	"bytes"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/wire"
)

// helped starts a call and lends this goroutine to the client until it has ended. It
// returns the stack on which the end was told.
func helped(t testing.TB, c *wire.Client, method string) (stack string, err error) {
	done := make(chan struct{}, 1)
	require.NoError(t, c.Start(method, machine.Raw(cbor.AppendBytes(nil, []byte("x"))), 0, func(_ uint64, _ []byte, e error) {
		stack, err = string(debug.Stack()), e
		done <- struct{}{}
	}))
	c.Help(done)
	<-done
	return stack, err
}

// byItself reports whether the goroutine that waited was the one that read.
func byItself(stack string) bool { return bytes.Contains([]byte(stack), []byte(".helped(")) }

// settle makes calls until the reading goroutine leaves the reading to their caller.
func settle(t testing.TB, c *wire.Client) {
	for range 100 {
		synctest.Wait()
		stack, err := helped(t, c, "Echo.Do")
		require.NoError(t, err)
		if byItself(stack) {
			return
		}
	}
	require.Fail(t, "a caller that is alone never reads its replies itself")
}

func TestACallerThatIsAloneReadsItsRepliesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		close(gate.opened)
		settle(t, c)
		for range 100 {
			stack, err := helped(t, c, "Echo.Do")
			require.NoError(t, err)
			require.True(t, byItself(stack))
		}
		for range 3 { // long enough for the reading goroutine to take over again
			advance(time.Second)
			_, err := helped(t, c, "Gate.Pass")
			require.NoError(t, err)
			settle(t, c)
		}
	})
}

func TestAHelperDoesNotWaitForASlowReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		settle(t, c)
		ended := start(t, c, "Gate.Pass", "x")
		began := time.Now()
		c.Help(make(chan struct{}, 1))
		require.LessOrEqual(t, time.Since(began), 40*time.Millisecond)
		<-gate.waiting
		close(gate.opened)
		require.NoError(t, (<-ended).err, "the reading goroutine was called back")
		require.Less(t, time.Since(began), 41*time.Millisecond)
	})
}

func TestAHelperHandsOutTheRepliesOfOthersManyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		told := 0
		c := dialMemory(t, s, wire.ClientOptions{Told: func() { told++ }})
		settle(t, c)
		before := told
		var ended []<-chan ending
		for range 50 {
			ended = append(ended, start(t, c, "Echo.Do", "other"))
		}
		_, err := helped(t, c, "Echo.Do")
		require.NoError(t, err)
		for _, e := range ended {
			require.NoError(t, (<-e).err)
		}
		synctest.Wait()
		require.Less(t, told-before, 25, "those whose replies came together were not told of together")
		require.Greater(t, told-before, 0)
	})
}

func TestADeathThatAHelperSeesIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		settle(t, c)
		go func() {
			<-gate.waiting
			s.Close()
		}()
		_, err := helped(t, c, "Gate.Pass")
		require.ErrorIs(t, err, wire.ErrBroken)
		<-c.Done()
	})
}

func TestADeathWhileAllRestIsSeenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		settle(t, c)
		began := time.Now()
		s.Close()
		<-c.Done()
		require.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
	})
}

func TestARestingClientCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		settle(t, c)
		began := time.Now()
		require.NoError(t, c.Close())
		require.Zero(t, time.Since(began))
	})
}

func TestNoReplyLiesUnreadWhenACallerComesJustBeforeTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		synctest.Wait()
		for range 3 {
			_, err := helped(t, c, "Echo.Do")
			require.NoError(t, err)
		}
		began := time.Now()
		told, goOn := make(chan struct{}), make(chan struct{})
		body := machine.Raw(cbor.AppendBytes(nil, nil))
		require.NoError(t, c.Start("Echo.Do", body, 0, func(uint64, []byte, error) {
			close(told)
			<-goOn // the reading goroutine is still on duty, and will rest
		}))
		<-told
		next := make(chan struct{}, 1)
		require.NoError(t, c.Start("Echo.Do", body, 0, func(uint64, []byte, error) { next <- struct{}{} }))
		c.Help(next)
		close(goOn)
		<-next
		require.Zero(t, time.Since(began))
	})
}
