package paxos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Reads round the log.

func leased(cfg *paxos.Config) { cfg.Lease = election }

func TestAReadIsServedWhenAQuorumHasConfirmedTheLeaderSince(t *testing.T) {
	c, n := alone(t)
	b, said := leads(t, c, n)
	first := of[proto.Beat](said)[0].Round
	id := c.ask(n, "list")
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: first})
	require.NotContains(t, n.answers, id, "that beat had left before the read was asked")
	c.say(n, 4, proto.Echo{Ballot: b, Disk: 44, Round: first + 1})
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 23, Round: first + 1})
	c.say(n, 2, proto.Echo{Ballot: ballot(99, 1), Disk: 22, Round: first + 1})
	require.NotContains(t, n.answers, id, "these are no members, or of another ballot")
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: first + 1})
	require.Contains(t, n.answers, id)
}

func TestANewLeaderServesNoReadBeforeItKnowsWhatWasChosen(t *testing.T) {
	for _, lease := range []machine.Time{0, election} {
		cfg := configOf(3)
		cfg.Lease = lease
		c, n := aloneWith(t, cfg)
		id := c.ask(n, "list")
		b, _ := leads(t, c, n, proto.Vote{Slot: 1, Ballot: ballot(0, 0).Above(3), Value: value("x")})
		for round := range uint64(5) {
			c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: round + 1})
			c.tick(n, heartbeat)
		}
		require.NotContains(t, n.answers, id, "slot 1 may have been chosen, and read, before")
		c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
		for round := range uint64(9) {
			c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: round + 1})
		}
		require.Equal(t, "x", answer(n, id))
	}
}

func TestAReadAtAnyReplicaSeesWhatWasWrittenAtAnother(t *testing.T) {
	for _, lease := range []machine.Time{0, election} {
		c, leader, b, d := led(t, func(cfg *paxos.Config) { cfg.Lease = lease })
		require.Equal(t, "1", c.do(b, "add x"))
		for _, n := range []*node{leader, b, d} {
			require.Equal(t, "x", c.do(n, "list"))
		}
	}
}

func TestALeaderReadsWithoutAskingWhileItsLeaseLasts(t *testing.T) {
	cfg := configOf(3)
	leased(&cfg)
	c, n := aloneWith(t, cfg)
	b, said := leads(t, c, n)
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: of[proto.Beat](said)[0].Round})
	sent := c.now
	c.now = sent + election*8/10 - 1
	require.Contains(t, n.answers, c.ask(n, "list"))
	c.now++
	require.NotContains(t, n.answers, c.ask(n, "list"), "eight tenths of it, from when the beat had left")
}

func TestWithoutALeaseEveryReadIsConfirmed(t *testing.T) {
	c, n := alone(t)
	b, said := leads(t, c, n)
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: of[proto.Beat](said)[0].Round})
	require.NotContains(t, n.answers, c.ask(n, "list"))
}

func TestADeposedLeaderServesNoRead(t *testing.T) {
	for _, lease := range []machine.Time{0, election} {
		c, old, b, _ := led(t, func(cfg *paxos.Config) { cfg.Lease = lease })
		require.Equal(t, "1", c.do(old, "add x"))
		c.lost = isolate(old)
		c.until("another leads", func() bool {
			for _, id := range c.ids() {
				if n := c.nodes[id]; n != old && c.report(n).Role == "leader" {
					return true
				}
			}
			return false
		})
		id := c.ask(old, "list")
		require.Equal(t, "2", c.do(b, "add y"))
		require.Empty(t, answer(old, id))
		again := c.ask(old, "list")
		c.run(election)
		require.Empty(t, answer(old, again))
		require.Equal(t, "x", c.do(old, "peek"), "as it stands")
		c.lost = nil
		c.until("it is told", func() bool { return answer(old, again) != "" })
		require.Equal(t, "x y", answer(old, again))
	}
}

// The old leader's clock is slow and those of the others are fast, each by a tenth.
func TestALeaseIsOverBeforeAnotherLeadsThoughClocksDriftByATenth(t *testing.T) {
	for seed := range uint64(20) {
		c := newCluster(t, 3, leased)
		c.rand = seed
		old, others := c.elect()
		require.Equal(t, "1", c.do(old, "add x"))
		c.run(5 * heartbeat)
		old.skew += old.clock(c.now) - old.clock(c.now)*900/1000 // its reading stays, its speed changes
		old.speed = 900
		for _, n := range others {
			n.skew = n.clock(c.now) - c.now*1100/1000
			n.speed = 1100
		}
		c.lost = isolate(old)
		for range 400 {
			c.run(ms / 2)
			leads := false
			for _, n := range others {
				leads = leads || c.report(n).Role == "leader"
			}
			if leads {
				require.NotContains(t, old.answers, c.ask(old, "list"), "seed %d, at %v", seed, c.now)
			}
		}
	}
}

func TestWhoHasJustHeardALeaderHelpsNobodyElseToLead(t *testing.T) {
	cfg := configOf(3)
	leased(&cfg)
	c, n := aloneWith(t, cfg)
	c.now += election
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	sent := c.now
	ask := proto.Prepare{Ballot: ballot(6, 3), From: 1}
	c.now = sent + election - 1
	require.Empty(t, c.say(n, 3, ask))
	require.Len(t, of[proto.Promise](c.say(n, 3, proto.Prepare{Ballot: ballot(7, 3), From: 1, Blessed: ballot(5, 2)})), 1, "unless the leader wishes it")

	c, n = aloneWith(t, cfg)
	c.now += election
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	require.Len(t, of[proto.Promise](c.say(n, 2, proto.Prepare{Ballot: ballot(6, 2), From: 1})), 1, "or it is the leader itself")

	c, n = aloneWith(t, cfg)
	c.now += election
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	c.now += election
	require.Len(t, of[proto.Promise](c.say(n, 3, ask)), 1, "or it is long ago")
}

func TestARestartedReplicaKeepsALeaseThatItMayHaveHelpedTo(t *testing.T) {
	cfg := configOf(3)
	leased(&cfg)
	c, n := aloneWith(t, cfg)
	require.Empty(t, c.say(n, 3, proto.Prepare{Ballot: ballot(6, 3), From: 1}), "it has just begun")
	c.now += election
	require.Len(t, of[proto.Promise](c.say(n, 3, proto.Prepare{Ballot: ballot(6, 3), From: 1})), 1)
}

func TestAHintThatTheLeaderIsGoneEndsNoLease(t *testing.T) {
	cfg := configOf(3)
	leased(&cfg)
	c, n := aloneWith(t, cfg)
	c.now += 2 * election
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	c.step(n, machine.Link{Peer: 2})
	require.Empty(t, c.say(n, 3, proto.Prepare{Ballot: ballot(6, 3), From: 1}))
	require.Empty(t, of[proto.Prepare](c.tick(n, election-heartbeat)))
}

func TestATransferLetsAnotherLeadAtOnceAndEndsTheLease(t *testing.T) {
	for _, lease := range []machine.Time{0, election} {
		c, old, b, d := led(t, func(cfg *paxos.Config) { cfg.Lease = lease })
		require.Equal(t, "1", c.do(old, "add x"))
		before := c.now
		require.Contains(t, c.do(old, "transfer "+b.addr.String()[:1]), "{Slot:")
		require.NotContains(t, old.answers, c.ask(old, "list"), "its lease is over when it has asked")
		c.until("it leads", func() bool { return c.leader() == b })
		require.Less(t, c.now-before, election/2, "nobody had to wait for silence")
		require.Equal(t, "2", c.do(d, "add y"))
	}
}

func TestATransferOutlivesTheLossOfItsFirstPrepare(t *testing.T) {
	c := newCluster(t, 5, func(cfg *paxos.Config) { cfg.Lease = election })
	old, others := c.elect()
	b := others[0]
	require.Equal(t, "1", c.do(old, "add x"))
	before, lost := c.now, 0
	c.lost = func(l letter) bool {
		_, prepare := l.msg.(proto.Prepare)
		if prepare && lost < 4 {
			lost++
			return true
		}
		return false
	}
	require.Contains(t, c.do(old, "transfer "+b.addr.String()[:1]), "{Slot:")
	c.until("it leads", func() bool { return c.leader() == b })
	require.Equal(t, 4, lost)
	require.Less(t, c.now-before, election/2, "nobody stays loyal to who has asked for this")
	require.Equal(t, "2", c.do(others[1], "add y"))
}

func TestATransferThatIsNotHeededLeavesTheLeaderItsPlaceAndNoLease(t *testing.T) {
	c, n := aloneWith(t, func() paxos.Config { cfg := configOf(3); leased(&cfg); return cfg }())
	b, _ := leads(t, c, n)
	require.Contains(t, c.do(n, "transfer 2"), "{Slot:")
	require.Equal(t, []proto.Campaign{{Ballot: b}}, of[proto.Campaign](c.take(n)))
	id := c.ask(n, "add x")
	require.Empty(t, proposed(c.take(n)), "it begins nothing meanwhile")
	said := c.tick(n, election)
	require.Equal(t, map[uint64]string{1: "add x"}, proposed(said))
	c.say(n, 2, proto.Accepted{Ballot: b, Disk: 22, Slot: 1})
	require.Equal(t, "1", answer(n, id))
	beats := of[proto.Beat](c.tick(n, heartbeat))
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: beats[0].Round})
	id = c.ask(n, "list")
	require.NotContains(t, n.answers, id, "the other may heed it yet")
	beats = of[proto.Beat](c.take(n))
	c.say(n, 2, proto.Echo{Ballot: b, Disk: 22, Round: beats[0].Round})
	require.Equal(t, "x", answer(n, id), "confirmed, it may read")
}

func TestALocalReadNeedsNobodyAndAWaitingOneIsWokenByItsChange(t *testing.T) {
	c, leader, b, _ := led(t)
	early, late := c.ask(b, "until 1"), c.ask(b, "until 9")
	require.NotContains(t, b.answers, early)
	c.do(leader, "add x")
	c.until("woken", func() bool { return answer(b, early) == "x" })
	require.NotContains(t, b.answers, late)
	c.run(machine.Second + heartbeat)
	require.Equal(t, "x", answer(b, late), "its time has passed")
	c.lost = isolate(b)
	require.Equal(t, "x", c.do(b, "peek"))
}

// A number of a read may be used again by the next life if that never was durable: an
// answer to the first would let the second read what is old.
func TestNoReadLeavesBeforeItsLifeIsDurable(t *testing.T) {
	c, n := alone(t)
	c.crash(n)
	replica, err := paxos.New(n.addr, language(), n.cfg)
	require.NoError(t, err)
	n.replica, n.stalled = replica, true
	for _, l := range n.disk {
		c.step(n, l)
	}
	c.step(n, machine.Ready{})
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	c.ask(n, "list")
	c.ask(n, "add x")
	require.Empty(t, c.take(n))
	c.sync(n)
	said := c.take(n)
	require.Len(t, of[proto.ReadAsk](said), 1)
	require.Len(t, of[proto.Forward](said), 1)
}

func TestAnAnswerToAReadOfAnotherLifeIsNotHeard(t *testing.T) {
	c, n := alone(t)
	c.say(n, 2, proto.Beat{Ballot: ballot(5, 2), Round: 1})
	id := c.ask(n, "list")
	ask := of[proto.ReadAsk](c.take(n))[0]
	for name, m := range map[string]proto.ReadAt{
		"life": {Disk: ask.Disk, Life: ask.Life - 1, Seq: ask.Seq}, "disk": {Disk: ask.Disk + 1, Life: ask.Life, Seq: ask.Seq},
		"read": {Disk: ask.Disk, Life: ask.Life, Seq: ask.Seq + 1},
	} {
		c.say(n, 2, m)
		require.NotContains(t, n.answers, id, name)
	}
	c.say(n, 2, proto.ReadAt{Disk: ask.Disk, Life: ask.Life, Seq: ask.Seq, Slot: 1})
	require.NotContains(t, n.answers, id, "its state is not so far")
	c.say(n, 2, proto.Learn{From: 1, Commit: 1, Values: []proto.Value{value("x")}})
	require.Equal(t, "x", answer(n, id))
}
