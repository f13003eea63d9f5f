package run_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run"
)

// client asks the server role what it is asked itself, by a Call, and answers with
// the Return.
type client struct {
	server machine.Addr
	asked  map[uint64]uint64 // Ask by the ID of its Call
	calls  uint64
}

func (c *client) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		c.calls++
		c.asked[c.calls] = e.ID
		out.SendTo(c.server, machine.Call{ID: c.calls, Cmd: e.Cmd})
	case machine.Recv:
		if r, ok := e.Msg.(machine.Return); ok {
			out.Answer(c.asked[r.ID], word(fmt.Sprint("returned ", r.Data)))
		}
	}
}

// server answers with the command, who asked, and what it heard of links.
func server(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		if e.Cmd == word("panic") {
			panic("boom")
		}
		out.Answer(e.ID, e.Cmd)
	case machine.Link:
		out.SendTo(peer, word(fmt.Sprint("link ", e.Up)))
	}
}

func newNode(t *testing.T) (n *run.Node, front *run.Loop, j *journal) {
	t.Helper()
	j = &journal{}
	n = run.NewNode(1, func(from, to machine.Addr, frame []byte) {
		j.add("from %s to %d/%s", from.Role, to.Node, to.Role)
		j.send(to, frame)
	})
	back := machine.Addr{Node: 1, Role: "back"}
	_, err := n.Start(run.Config{Self: back, Machine: toy(server), Protocol: words()})
	require.NoError(t, err)
	front, err = n.Start(run.Config{
		Self: machine.Addr{Node: 1, Role: "front"}, Protocol: words(),
		Machine: &client{server: back, asked: map[uint64]uint64{}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Stop(context.Background())) })
	return n, front, j
}

func TestLoopsOfOneNodeCallEachOther(t *testing.T) {
	_, front, j := newNode(t)
	for i := range 10 {
		data, err := front.Ask(t.Context(), word(fmt.Sprint(i)))
		require.NoError(t, err)
		require.Equal(t, word(fmt.Sprint("returned ", i)), data)
	}
	require.Empty(t, j.take(), "nothing left the node")
}

func TestNodeGivesFramesOfTheNetworkToTheirRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, front, j := newNode(t)
		ask := machine.AppendMessage(nil, machine.Call{ID: 5, Cmd: word("x")})
		n.Recv(peer, machine.Addr{Node: 1, Role: "back"}, ask)
		n.Recv(peer, machine.Addr{Node: 1, Role: "nobody"}, ask)
		n.Recv(peer, machine.Addr{Node: 9, Role: "back"}, ask)
		n.Recv(machine.Addr{Node: 1, Role: "front"}, machine.Addr{Node: 1, Role: "back"}, ask) // forged
		n.Link(2, true)
		synctest.Wait()
		requireSame(t, []string{"from back to 2/toy", "return 5 x", "from back to 2/toy", "send link true"}, j.take())
		require.EqualValues(t, 2, front.Counts().Steps, "Ready and Link, and no Return for the forged Call")
	})
}

func TestNodeStopsAsAWholeWhenOneLoopFails(t *testing.T) {
	n, front, _ := newNode(t)
	_, err := front.Ask(t.Context(), word("panic"))
	require.ErrorIs(t, err, run.ErrUnknown)
	<-n.Done()
	require.ErrorIs(t, n.Err(), run.ErrPanic)
	require.NoError(t, front.Err(), "it did not fail itself")
	_, err = front.Ask(t.Context(), word("x"))
	require.ErrorIs(t, err, run.ErrPanic, "but it tells the node's cause")
	_, err = n.Start(run.Config{Self: machine.Addr{Node: 1, Role: "new"}, Machine: toy(server)})
	require.ErrorIs(t, err, run.ErrStopped)
}

func TestNodeRefusesARoleThatIsTakenOrNotItsOwn(t *testing.T) {
	n, _, _ := newNode(t)
	for _, addr := range []machine.Addr{{Node: 1, Role: "back"}, {Node: 2, Role: "new"}} {
		_, err := n.Start(run.Config{Self: addr, Machine: toy(server)})
		require.Error(t, err)
	}
	bad := run.Config{Self: machine.Addr{Node: 1, Role: "new"}, Machine: toy(func(machine.In, *machine.Out) { panic("boom") })}
	_, err := n.Start(bad)
	require.ErrorIs(t, err, run.ErrPanic)
	bad.Machine = toy(server)
	_, err = n.Start(bad)
	require.NoError(t, err, "a start that failed leaves the role free and the node alive")
}

func TestNodeThatWasStoppedStartsNothing(t *testing.T) {
	n := run.NewNode(1, nil)
	require.NoError(t, n.Stop(t.Context()))
	require.NoError(t, n.Stop(t.Context()))
	<-n.Done()
	require.NoError(t, n.Err())
	_, err := n.Start(run.Config{Self: self, Machine: toy(server)})
	require.ErrorIs(t, err, run.ErrStopped)
}

func TestNodeStopWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := run.NewNode(1, func(machine.Addr, machine.Addr, []byte) { <-release })
		l, err := n.Start(run.Config{Self: self, Machine: toy(clerk), Protocol: words()})
		require.NoError(t, err)
		tell(l, "send x")
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, n.Stop(ctx), context.Canceled)
		close(release)
		require.NoError(t, n.Stop(t.Context()))
	})
}
