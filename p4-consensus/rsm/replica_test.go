package rsm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
)

func TestAnyReplicaCanBeAsked(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		require.Equal(t, "1", c.ask(c.nodes[1], word("one")))
		require.Equal(t, "2", c.ask(c.nodes[2], word("two")))
		told := make(chan machine.Data, 1)
		c.nodes[3].Submit(word("three"), func(answer machine.Data, err error) {
			require.NoError(t, err)
			told <- answer
		})
		require.Equal(t, word("3"), <-told)
		for _, n := range c.nodes {
			require.Equal(t, "one two three", c.ask(n, word("?")))
		}
	})
}

func TestTheGroupGoesOnWithoutItsLeaderAndTheLeaderComesBack(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		id := c.begin().Report().Self
		require.Equal(t, "1", c.ask(c.nodes[id], word("before")))
		c.crash(id)
		require.Equal(t, "2", c.ask(c.leader(), word("without")))
		back := c.start(c.config(id))
		require.Equal(t, "before without", c.ask(back, word("?")))
		require.Equal(t, "3", c.ask(back, word("after")))
	})
}

func TestABrokenConnectionSparesTheWaitForTheElection(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		for id := machine.Node(1); id <= 3; id++ {
			cfg := c.config(id)
			cfg.Paxos.Election = 30 * machine.Second
			c.start(cfg)
		}
		c.crash(c.leader().Report().Self)
		began := time.Now()
		require.Equal(t, "1", c.ask(c.leader(), word("soon")))
		require.Less(t, time.Since(began), time.Second)
	})
}

func TestAMinorityRefuses(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		left := c.begin()
		for id := range c.nodes {
			if c.nodes[id] != left {
				c.crash(id)
			}
		}
		require.Contains(t, c.ask(left, word("?")), "refused: no leader has confirmed the read")
		c.await(left, func(r proto.Report) bool { return r.Role != "leader" })
		require.Contains(t, c.ask(left, word("lost")), "refused: no leader was found")
	})
}

func TestAFailedSyncStopsTheReplicaAndIsTold(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		l := c.begin()
		c.logs[l.Report().Self].FailSync()
		_, err := l.Ask(t.Context(), word("lost?"))
		require.True(t, isUnknown(err), "%v", err)
		require.ErrorIs(t, c.failure(l), stable.ErrFailed)
		require.ErrorIs(t, l.Err(), stable.ErrFailed)
		_, err = l.Ask(t.Context(), word("late"))
		require.ErrorIs(t, err, run.ErrStopped)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = l.Await(ctx, func(proto.Report) bool { return false })
		require.ErrorIs(t, err, run.ErrStopped)
	})
}

func TestALeaderThatLeavesLetsAnotherLeadAtOnce(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		for id := machine.Node(1); id <= 3; id++ {
			cfg := c.config(id)
			cfg.Paxos.Election, cfg.Paxos.Lease = 10*machine.Second, 10*machine.Second
			c.start(cfg)
		}
		l := c.leader()
		self := l.Report().Self
		require.Equal(t, "1", c.ask(l, word("before")))
		began := time.Now()
		require.NoError(t, l.Leave(t.Context()))
		took := time.Since(began)
		require.NotEqual(t, self, l.Report().Leader)
		require.Less(t, took, time.Second, "a lease of ten seconds does not hold it up")
		next := addr(l.Report().Leader)
		require.Equal(t, "refused: this replica is leaving, try "+next, c.ask(l, word("late")))
		told := make(chan machine.Data, 1)
		l.Submit(word("late"), func(answer machine.Data, _ error) { told <- answer })
		require.Contains(t, string((<-told).(word)), "leaving")
		c.crash(self)
		require.Equal(t, "2", c.ask(c.leader(), word("after")))
	})
}

func TestWhoLeavesWaitsForWhatItWasAsked(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		l := c.begin()
		for id := range c.nodes {
			if c.nodes[id] != l {
				c.crash(id)
			}
		}
		told := make(chan machine.Data, 1)
		l.Submit(word("held up"), func(answer machine.Data, _ error) { told <- answer })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.Leave(ctx), context.DeadlineExceeded)
		require.Empty(t, told)
		for id := machine.Node(1); id <= 3; id++ {
			if c.nodes[id] == nil {
				c.start(c.config(id))
			}
		}
		require.NoError(t, l.Leave(t.Context()))
		require.Equal(t, word("1"), <-told)
	})
}

func TestWhoLeavesInAMinorityDoesNotWaitForTheQuorumToComeBack(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		l := c.begin()
		for id := range c.nodes {
			if c.nodes[id] != l {
				c.crash(id)
			}
		}
		told := make(chan machine.Data, 1)
		l.Submit(word("held up"), func(answer machine.Data, _ error) { told <- answer })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, l.Leave(ctx), "in the time that a server has after SIGTERM")
		require.Contains(t, string((<-told).(word)), "refused: no quorum has voted for it in time")
	})
}

func TestACommandAsLargeAsARecordTravels(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		large := word(make([]byte, stable.MaxRecord-1000))
		require.Equal(t, "1", c.ask(c.follower(), large))
		require.Equal(t, "2", c.ask(c.leader(), word("small")))
	})
}

func TestCountersTellWhatTheReplicaIsAndDoes(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		l := c.begin()
		c.ask(l, word("one"))
		c.await(l, func(r proto.Report) bool { return r.Commit > 0 })
		text := daemon.FormatCounters(l.Counters())
		for _, line := range []string{
			`kvd_paxos_role{role="leader"} 1`, `kvd_paxos_role{role="follower"} 0`, "kvd_paxos_members 3", "kvd_paxos_group 1",
			"kvd_paxos_pending 0", "kvd_paxos_elections_total 1", "kvd_paxos_terms_total 1", "kvd_paxos_commit 1", "kvd_paxos_installs_total 0",
		} {
			require.Contains(t, text, line+"\n")
		}
		require.NotContains(t, text, "kvd_paxos_syncs_total 0\n")
		require.NotContains(t, text, "kvd_paxos_leader 0\n")
	})
}

func TestWhatCannotBeStartedIsSaid(t *testing.T) {
	whole := rsm.Config{Self: 1, Language: language(), Log: stable.NewMemory()}
	whole.Paxos.Peers = []proto.Member{{Voter: proto.Voter{Node: 1}}}
	for text, change := range map[string]func(*rsm.Config){
		"want Self, Language and Log":    func(c *rsm.Config) { c.Log = nil },
		"is not among the peers":         func(c *rsm.Config) { c.Self = 2 },
		"quorums of 2 and 1":             func(c *rsm.Config) { c.Paxos.Quorum1 = 2 },
		"one who joins needs an address": func(c *rsm.Config) { c.Join = []string{"n1"} },
	} {
		cfg := whole
		change(&cfg)
		_, err := rsm.Start(t.Context(), cfg)
		require.ErrorIs(t, err, rsm.ErrConfig)
		require.ErrorContains(t, err, text)
	}
}

func TestALogOfSomethingElseIsRefused(t *testing.T) {
	log := stable.NewMemory()
	_, err := log.Append([]byte("hello"))
	require.NoError(t, err)
	cfg := rsm.Config{Self: 1, Language: language(), Log: log, Network: wire.PeerOptions{}}
	cfg.Paxos.Peers = []proto.Member{{Voter: proto.Voter{Node: 1}}}
	_, err = rsm.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "record 1")
}
