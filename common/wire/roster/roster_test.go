package roster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/roster"
)

// alone makes the roster of node 1, which reaches nobody.
func alone(t *testing.T) *roster.Roster {
	r := roster.New(wire.PeerOptions{
		Self: 1, Receive: func(machine.Node, []byte) {},
		Dial: func(context.Context, string) (net.Conn, error) { return nil, errors.New("nobody is there") },
	})
	t.Cleanup(r.Peers().Close)
	return r
}

// isPeer tells whether node 1 would speak to another.
func isPeer(r *roster.Roster, node machine.Node) bool { return r.Peers().Send(node, []byte("x")) }

func members(nodes ...machine.Node) (all []roster.Member) {
	for _, n := range nodes {
		all = append(all, roster.Member{Node: n, Addr: addr(n)})
	}
	return all
}

func addr(n machine.Node) string { return fmt.Sprint("n", n) }

func TestMembersArePeersAndThisOneIsNot(t *testing.T) {
	r := alone(t)
	require.False(t, isPeer(r, 2))
	r.Follow(members(1, 2, 3), 0)
	require.False(t, isPeer(r, 1))
	require.True(t, isPeer(r, 2))
	require.True(t, isPeer(r, 3))
	require.Equal(t, []string{"n1", "n2", "n3"}, r.Addrs())
}

func TestWhoIsNoMemberAnyMoreStaysAPeerForAWhile(t *testing.T) {
	r := alone(t)
	r.Follow(members(1, 2, 3), 0)
	r.Follow(members(1, 2), 5)
	require.True(t, isPeer(r, 3))
	require.Equal(t, []string{"n1", "n2"}, r.Addrs())
	r.Follow(members(1, 2), 5+roster.GuestTime-1)
	require.True(t, isPeer(r, 3))
	r.Follow(members(1, 2), 5+roster.GuestTime)
	require.False(t, isPeer(r, 3))
	require.True(t, isPeer(r, 2), "a member stays for good")
}

func TestANewcomerIsAPeerForAWhileAfterItsLastCall(t *testing.T) {
	r := alone(t)
	r.Follow(members(1, 2), 0)
	require.NoError(t, r.Meet(4, "n4", 0))
	require.True(t, isPeer(r, 4))
	require.NoError(t, r.Meet(4, "n4", 10))
	r.Follow(members(1, 2), roster.GuestTime)
	require.True(t, isPeer(r, 4))
	r.Follow(members(1, 2), 10+roster.GuestTime)
	require.False(t, isPeer(r, 4))

	require.NoError(t, r.Meet(5, "n5", 0))
	r.Follow(members(1, 2, 5), 0)
	r.Follow(members(1, 2, 5), 2*roster.GuestTime)
	require.True(t, isPeer(r, 5), "it has become a member")
}

func TestAMembersNumberIsItsOwn(t *testing.T) {
	r := alone(t)
	r.Follow(members(2, 3), 0)
	require.ErrorIs(t, r.Meet(1, "n1", 0), roster.ErrTaken)
	err := r.Meet(2, "elsewhere", 0)
	require.ErrorIs(t, err, roster.ErrTaken)
	require.ErrorContains(t, err, "node 2 is at n2, and not at elsewhere: come back there, or under another number")
	require.NoError(t, r.Meet(2, "n2", 0))
}

func TestNewcomersAreBounded(t *testing.T) {
	r := alone(t)
	for n := range machine.Node(roster.MaxGuests) {
		require.NoError(t, r.Meet(n+2, addr(n+2), 0))
	}
	require.ErrorIs(t, r.Meet(100, "n100", 0), roster.ErrGuests)
	require.NoError(t, r.Meet(2, "n2", 5), "again")
	r.Follow(nil, roster.GuestTime)
	require.NoError(t, r.Meet(100, "n100", roster.GuestTime))
	require.True(t, isPeer(r, 2))
	require.False(t, isPeer(r, 3))
}

func TestAMemberThatHasMovedIsDialledThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &memnet.Network{}
		linked := make(chan bool, 10)
		one := roster.New(wire.PeerOptions{
			Self: 1, Dial: network.Dial, Receive: func(machine.Node, []byte) {},
			Link: func(peer machine.Node, up bool) { linked <- peer == 2 && up },
		})
		two := wire.NewPeers(wire.PeerOptions{
			Self: 2, Addrs: map[machine.Node]string{1: "nowhere"}, Dial: network.Dial, Receive: func(machine.Node, []byte) {},
		})
		ln, err := network.Listen("new")
		require.NoError(t, err)
		server := wire.NewServer(wire.ServerOptions{Peers: two})
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()

		one.Follow([]roster.Member{{Node: 2, Addr: "old"}}, 0)
		synctest.Wait()
		require.False(t, one.IsUp(2))
		one.Follow([]roster.Member{{Node: 2, Addr: "new"}}, 0)
		require.True(t, <-linked)
		require.True(t, one.IsUp(2))
		require.NoError(t, server.Close())
		require.NoError(t, <-served)
		require.False(t, <-linked)
		require.False(t, one.IsUp(2))
		one.Peers().Close()
		two.Close()
	})
}
