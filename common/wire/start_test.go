package wire_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/wire"
)

// ending is what a finish function was told.
type ending struct {
	reply string
	err   error
}

// start starts a call and returns where its ending will be.
func start(t testing.TB, c *wire.Client, method, text string) <-chan ending {
	ended := make(chan ending, 2) // room for one too many
	require.NoError(t, c.Start(method, machine.Raw(cbor.AppendBytes(nil, []byte(text))), 7, func(id uint64, reply []byte, err error) {
		require.EqualValues(t, 7, id)
		ended <- ending{string(reply), err}
	}))
	return ended
}

func TestAStartedCallHandsOverItsEncodedReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{Errors: wire.Errors{7: errOdd}})
		for _, text := range []string{"one", "two", strings.Repeat("long", 10_000)} {
			got := start(t, c, "Echo.Do", text)
			want := ending{reply: string(cbor.AppendBytes(nil, []byte(text)))}
			require.Empty(t, cmp.Diff(want, <-got, cmp.AllowUnexported(ending{})))
			synctest.Wait()
			require.Empty(t, got, "told twice")
		}
		require.ErrorIs(t, (<-start(t, c, "No.Such", "x")).err, wire.ErrNoMethod)
		require.ErrorIs(t, (<-start(t, c, "Half.Do", "x")).err, wire.ErrMalformed)
	})
}

func TestACallThatCannotStartIsDefinitelyNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{Pending: 1, Bounds: wire.Bounds{Message: 100}})
		never := func(uint64, []byte, error) { t.Error("told the end of a call that did not start") }
		require.ErrorIs(t, c.Start("Echo.Do", machine.Raw(make([]byte, 101)), 0, never), wire.ErrTooLarge)
		require.ErrorIs(t, c.Start(strings.Repeat("m", 300), machine.Raw(nil), 0, never), wire.ErrTooLarge)

		waiting := start(t, c, "Gate.Pass", "x")
		synctest.Wait()
		err := c.Start("Echo.Do", machine.Raw(nil), 0, never)
		require.ErrorIs(t, err, wire.ErrOverloaded)
		require.ErrorIs(t, err, wire.ErrNotSent)
		close(gate.opened)
		require.NoError(t, (<-waiting).err)

		require.NoError(t, c.Close())
		require.ErrorIs(t, c.Start("Echo.Do", machine.Raw(nil), 0, never), wire.ErrNotSent)
	})
}

func TestAStartedCallIsToldThatItsConnectionDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, wire.ServerOptions{})
		c := dialMemory(t, s, wire.ClientOptions{})
		waiting := start(t, c, "Gate.Pass", "x")
		synctest.Wait()
		s.Close()
		err := (<-waiting).err
		require.ErrorIs(t, err, wire.ErrBroken)
		require.False(t, wire.Definite(err))
	})
}

func TestCloseWaitsUntilStartedCallsAreTold(t *testing.T) {
	s, gate := newServer(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	var mu sync.Mutex // of an owner who holds it while it starts calls, and takes it in finish
	told := false
	require.NoError(t, c.Start("Gate.Pass", machine.Raw(cbor.AppendBytes(nil, nil)), 0, func(uint64, []byte, error) {
		mu.Lock()
		defer mu.Unlock()
		told = true
	}))
	<-gate.waiting
	mu.Lock()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.Close()
	}()
	<-c.Done()
	require.Error(t, c.Start("Echo.Do", machine.Raw(nil), 0, nil), "other methods do not wait for finish")
	require.False(t, told)
	mu.Unlock()
	<-closed
	require.True(t, told, "Close has waited for it")
}
