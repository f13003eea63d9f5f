package rsm_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/stable"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

func TestAReplicaThatJoinsIsKeptUpToDateAndVotesWhenItIsAdded(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		require.Equal(t, "1", c.ask(c.nodes[1], word("before")))
		four := c.start(c.join(4))
		l := c.leader()
		c.await(l, func(r proto.Report) bool { return len(r.Guests) == 1 && r.Guests[0].Ready })
		require.Equal(t, "joining", four.Report().Role)
		require.ErrorIs(t, four.Ready(), rsm.ErrNoVote)
		require.ErrorContains(t, four.Ready(), "it is joining: no member has taken it up yet")
		require.NoError(t, l.Ready())
		c.change(proto.Change{Add: 4})
		c.await(four, func(r proto.Report) bool { return r.Role == "follower" })
		require.NoError(t, four.Ready())
		require.Equal(t, "before", c.ask(four, word("?")))

		c.change(proto.Change{Remove: 1})
		require.ErrorIs(t, c.failure(c.nodes[1]), rsm.ErrRemoved)
		c.crash(1)
		c.crash(2)
		require.Equal(t, "2", c.ask(four, word("after")), "3 and 4 are a majority of three")
		require.Len(t, four.Report().Group.Members, 3)
	})
}

func TestWhoWasRemovedIsLetGoByAll(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		gone := c.follower().Report().Self
		c.change(proto.Change{Remove: gone})
		require.ErrorIs(t, c.failure(c.nodes[gone]), rsm.ErrRemoved)
		c.crash(gone)
		for _, n := range c.nodes {
			require.True(t, n.Peers().Send(gone, []byte("x")), "it may have to learn of it")
		}
		<-time.After(11 * time.Second)
		for id, n := range c.nodes {
			require.Len(t, n.Report().Group.Members, 2)
			require.False(t, n.Peers().Send(gone, []byte("x")), "%d sends to %d", id, gone)
		}
	})
}

func TestAWipedDiskIsTakenUpUnderItsOldNumberOnlyByOneWhoJoins(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		require.Equal(t, "1", c.ask(c.nodes[2], word("before")))
		c.crash(2)
		c.logs[2] = stable.NewMemory()
		wiped := c.start(c.config(2))
		r := c.await(wiped, func(r proto.Report) bool { return r.Waiting != "" })
		<-time.After(10 * time.Second)
		require.Equal(t, "forming", wiped.Report().Role, "it does not vote")
		require.Contains(t, wiped.Report().Waiting, "-join", r.Waiting)
		c.crash(2)

		cfg := c.join(2)
		cfg.Join = []string{addr(1), addr(3)}
		back := c.start(cfg)
		c.await(back, func(r proto.Report) bool { return r.Role == "follower" })
		c.crash(3)
		require.Equal(t, "2", c.ask(back, word("after")), "1 and 2 are a majority")
		require.Equal(t, "before after", c.ask(back, word("?")))
	})
}

func TestWhoJoinsSurvivesMembersThatForgetIt(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		four := c.start(c.join(4))
		for id := machine.Node(1); id <= 3; id++ {
			c.crash(id)
			c.start(c.config(id))
		}
		require.Equal(t, "1", c.ask(c.leader(), word("news")))
		c.await(four, func(r proto.Report) bool { return r.Commit >= c.leader().Report().Commit })
		c.await(c.leader(), func(r proto.Report) bool { return len(r.Guests) == 1 })
	})
}

func TestWhoHasJoinedNeedsNobodyToSayWhoTheGroupIs(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		four := c.start(c.join(4))
		c.change(proto.Change{Add: 4})
		c.await(four, func(r proto.Report) bool { return r.Role == "follower" })
		for id := range c.nodes {
			c.crash(id)
		}
		back := c.start(c.join(4)) // nobody else lives yet
		c.start(c.config(2))
		c.start(c.config(3))
		require.Equal(t, "1", c.ask(back, word("again")))
	})
}

func TestOneWhoJoinsNobodySaysSo(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		_, err := rsm.Start(t.Context(), c.join(4))
		require.ErrorIs(t, err, rsm.ErrNoMember)
		require.ErrorContains(t, err, "n1: ")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = rsm.Start(ctx, c.join(4))
		require.ErrorIs(t, err, rsm.ErrNoMember)

		c.start(c.config(1)) // forms nothing without the others
		_, err = rsm.Start(t.Context(), c.join(4))
		require.ErrorIs(t, err, rsm.ErrNoMember)
		require.ErrorIs(t, err, rsm.ErrNoGroup)
	})
}

func TestAMembersNumberIsNotGivenToSomebodyElsewhere(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		cfg := c.join(2)
		cfg.Log, cfg.Paxos.Addr = stable.NewMemory(), "elsewhere"
		_, err := rsm.Start(t.Context(), cfg)
		require.ErrorIs(t, err, rsm.ErrTaken)
		require.ErrorContains(t, err, "node 2 is at n2, and not at elsewhere")
		require.Equal(t, "1", c.ask(c.nodes[1], word("undisturbed")))
	})
}

func TestNewcomersAreBoundedAndForgotten(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c *cluster) {
		one := c.begin()
		meet := func(id machine.Node) error {
			conn, err := wire.Dial(t.Context(), addr(1), wire.ClientOptions{Dial: c.network.Dial, Errors: rsm.Errors()})
			require.NoError(t, err)
			defer conn.Close()
			var company rsm.Company
			err = conn.Call(t.Context(), rsm.MethodMeet, &rsm.Meeting{Node: id, Addr: fmt.Sprint("at ", id)}, &company)
			if err == nil {
				require.Equal(t, one.Report().Group, company.Group)
			}
			return err
		}
		require.NoError(t, meet(0), "who only asks")
		require.ErrorIs(t, meet(1), rsm.ErrTaken)
		for id := machine.Node(2); id < 18; id++ {
			require.NoError(t, meet(id))
		}
		require.NoError(t, meet(17), "again")
		require.ErrorIs(t, meet(18), rsm.ErrGuests)
		require.True(t, one.Peers().Send(17, []byte("x")))
		<-time.After(11 * time.Second)
		require.False(t, one.Peers().Send(17, []byte("x")))
		require.NoError(t, meet(18))
	})
}
