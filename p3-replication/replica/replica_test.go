package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
)

func TestAWriteAtAnyReplicaReachesAll(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		for id, n := range c.nodes {
			c.put(n, addr(id), "value")
		}
		c.agree()
		for _, n := range c.nodes {
			for id := range c.nodes {
				require.Equal(t, "value", n.get(addr(id)))
			}
		}
	})
}

func TestAReplicaThatIsAloneTakesWritesAndOthersHearOfThemLater(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		c.crash(1)
		c.crash(2)
		alone := c.nodes[3]
		c.put(alone, "key", "alone")
		require.Equal(t, "alone", alone.get("key"))
		require.Equal(t, 1, c.await(alone, func(r bayou.Report) bool { return r.Tentative > 0 }).Tentative, "the primary is away")
		c.crash(3)

		c.start(c.config(1))
		c.start(c.config(2))
		c.start(c.config(3))
		c.agree()
		for _, n := range c.nodes {
			require.Equal(t, "alone", n.get("key"))
		}
	})
}

func TestAnAcknowledgedWriteSurvivesACrash(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c *cluster) {
		c.begin()
		c.put(c.nodes[1], "key", "value")
		c.crash(1)
		require.Equal(t, "value", c.start(c.config(1)).get("key"))
	})
}

func TestAGuardedWriteIsMergedWhereItMeetsAnother(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		c.crash(1)
		book := func(n *node, who string) {
			_, err := n.client().Guarded(t.Context(), kv.Guarded{
				If: `db.get("room") == None`, Then: []kv.Op{kv.Put{Key: "room", Value: []byte(who)}},
				Else: "def merge(db, update):\n    db.put(\"other room\", update[0].value)\n",
			})
			require.NoError(t, err)
		}
		book(c.nodes[2], "Ada")
		c.crash(2)
		book(c.ready(c.start(c.config(1))), "Bob")
		c.start(c.config(2))
		c.agree()
		for _, n := range c.nodes {
			require.ElementsMatch(t, []string{"Ada", "Bob"}, []string{n.get("room"), n.get("other room")})
			require.Zero(t, n.Report().Conflicts)
		}
		require.Equal(t, c.nodes[1].get("room"), c.nodes[2].get("room"))
	})
}

func TestAnEmptiedDiskComesBackUnderAnotherName(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		c.put(c.nodes[2], "key", "value")
		c.agree()
		before := c.nodes[2].Report().Name
		c.crash(2)
		c.wipe(2)
		back := c.ready(c.start(c.config(2)))
		require.NotEqual(t, before, back.Report().Name)
		require.Equal(t, "value", back.get("key"))
		c.put(back, "key", "again")
		c.agree()
		require.Equal(t, "again", c.nodes[1].get("key"))
	})
}

func TestADamagedDiskIsToldOfAndCounted(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		before := c.nodes[2].Report().Name
		c.crash(2)
		c.logs[2].Damage(2)
		var said bytes.Buffer
		cfg := c.config(2)
		cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
		back := c.ready(c.start(cfg))
		require.NotEqual(t, before, back.Report().Name)
		require.Contains(t, daemon.FormatCounters(back.Counters()), `kvd_bayou_facts_total{fact="damaged"} 1`)
		c.crash(2)
		require.Contains(t, said.String(), `msg="bayou damaged"`)
	})
}

func TestTwoDatabasesStayApartAndAPersonIsToldNowAndThen(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.ready(c.start(c.config(1)))
		c.crash(1)
		cfg := c.config(2)
		var said bytes.Buffer
		cfg.Bayou.Found = true
		cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
		c.put(c.ready(c.start(cfg)), "key", "value")
		one := c.start(c.config(1))
		<-time.After(30 * time.Second)
		_, err := one.client().Get(t.Context(), "key")
		require.ErrorIs(t, err, kv.ErrNotFound)
		c.crash(2)
		times := strings.Count(said.String(), "node 1 belongs to another database")
		require.Greater(t, times, 1)
		require.Less(t, times, 5, "although it is met every half second")
	})
}

func TestAFailedSyncStopsTheReplicaAndIsTold(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		n := c.begin().nodes[2]
		c.logs[2].FailSync()
		_, err := n.client().Put(t.Context(), "key", nil)
		require.ErrorIs(t, err, kv.ErrMaybe)
		require.ErrorIs(t, c.failure(n), stable.ErrFailed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = n.Await(ctx, func(bayou.Report) bool { return false })
		require.ErrorIs(t, err, run.ErrStopped)
	})
}

func TestWhoLeavesRefusesAndKeepsItsName(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		n := c.begin().nodes[3]
		name := n.Report().Name
		c.put(n, "key", "last")
		require.NoError(t, n.Leave(t.Context()))
		resp, err := n.Ask(t.Context(), &kv.Request{Op: kv.Get{Key: "key"}})
		require.NoError(t, err)
		require.Equal(t, kv.Unavailable, resp.(*kv.Response).Status)
		require.Equal(t, "this replica is leaving", resp.(*kv.Response).Detail)
		require.Contains(t, []string{"n1", "n2"}, resp.(*kv.Response).Try)
		told := make(chan machine.Data, 1)
		n.Submit(&kv.Request{Op: kv.Put{Key: "key"}}, func(answer machine.Data, _ error) { told <- answer })
		require.Equal(t, kv.Unavailable, (<-told).(*kv.Response).Status)
		c.crash(3)
		require.Equal(t, "last", c.nodes[1].get("key"), "it had told of what it knew")
		back := c.start(c.config(3))
		require.NoError(t, back.Ready(), "it had not retired")
		require.Equal(t, name, back.Report().Name)
	})
}

func TestWhoLeavesWaitsForRequestsThatWait(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		for id := machine.Node(1); id <= 2; id++ {
			cfg := c.config(id)
			cfg.Bayou.Patience = 5 * machine.Second
			c.start(cfg)
		}
		c.ready(c.nodes[2])
		c.agree()
		c.crash(2)
		ahead := c.nodes[1].client().With(kv.Session)
		_, err := ahead.Put(t.Context(), "key", []byte("ahead"))
		require.NoError(t, err)
		c.crash(1)
		cfg := c.config(2)
		cfg.Bayou.Patience = 5 * machine.Second
		behind := c.start(cfg)
		told := make(chan machine.Data, 1)
		behind.Submit(&kv.Request{Level: kv.Session, Token: ahead.Token(), Op: kv.Get{Key: "key"}}, func(answer machine.Data, _ error) { told <- answer })
		c.await(behind, func(r bayou.Report) bool { return r.Waiting == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, behind.Leave(ctx), context.DeadlineExceeded)
		require.Empty(t, told)
		require.NoError(t, behind.Leave(t.Context()))
		require.Equal(t, kv.Unsatisfied, (<-told).(*kv.Response).Status)
	})
}

func TestWhoHasRetiredIsToldToStopWhenAnotherKnows(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		gone := c.nodes[3]
		c.put(gone, "key", "last")
		require.NoError(t, gone.client().Change(t.Context(), kv.Change{Remove: 3}))
		require.ErrorIs(t, c.failure(gone), replica.ErrRetired)
		require.ErrorIs(t, gone.Ready(), replica.ErrRetired)
		<-time.After(5 * time.Second)
		require.Empty(t, gone.failed, "it is told once")
		c.crash(3)
		c.agree()
		require.Equal(t, "last", c.nodes[1].get("key"))
		members, err := c.nodes[1].client().Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members.Members, 2)
	})
}

func TestAWriteAsLargeAsItMayBeTravels(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		large := strings.Repeat("x", kv.MaxValue)
		var ops []kv.Op
		for i := range (kv.MaxMessage - 1<<16) / kv.MaxValue {
			ops = append(ops, kv.Put{Key: addr(machine.Node(i)), Value: []byte(large)})
		}
		_, err := c.nodes[2].client().Guarded(t.Context(), kv.Guarded{Then: ops})
		require.NoError(t, err)
		c.agree()
		require.Equal(t, len(large), len(c.nodes[1].get("n0")))
	})
}

func TestOneThatLagsFarIsSentTheState(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		c.crash(2)
		c.crash(1)
		cfg := c.config(1)
		cfg.Bayou.Retain = 3
		c.start(cfg)
		for i := range 20 {
			c.put(c.nodes[1], addr(machine.Node(i)), "value")
		}
		c.start(c.config(2))
		c.agree()
		require.Contains(t, daemon.FormatCounters(c.nodes[2].Counters()), "kvd_bayou_transfers_total 1\n")
		require.Equal(t, "value", c.nodes[2].get("n7"))
	})
}

func TestCountersTellWhatTheReplicaKnows(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		c.put(c.nodes[1], "key", "value")
		c.agree()
		text := daemon.FormatCounters(c.nodes[1].Counters())
		for _, line := range []string{
			"kvd_bayou_named 1", "kvd_bayou_primary 1", "kvd_bayou_retired 0", "kvd_bayou_commit 3", "kvd_bayou_tentative 0",
			"kvd_bayou_conflicts 0", "kvd_bayou_waiting 0", "kvd_bayou_peers 1", "kvd_probe_up 1", "kvd_probe_chosen 2", `kvd_bayou_vector_servers{vector="full"} 2`,
			`kvd_bayou_vector_servers{vector="committed"} 2`, `kvd_bayou_vector_servers{vector="omitted"} 0`,
			"kvd_bayou_undone_total 0", "kvd_bayou_transfers_total 0", `kvd_bayou_facts_total{fact="violated"} 0`,
		} {
			require.Contains(t, text, line+"\n")
		}
		require.NotContains(t, text, "kvd_bayou_syncs_total 0\n")
		require.NotContains(t, text, "kvd_bayou_done_total 0\n")
		c.crash(1)
		c.put(c.nodes[2], "key", "tentative")
		c.await(c.nodes[2], func(r bayou.Report) bool { return r.Tentative == 1 })
		text = daemon.FormatCounters(c.nodes[2].Counters())
		require.Contains(t, text, "kvd_bayou_tentative 1\n")
		require.Contains(t, text, "kvd_bayou_primary 0\n")
	})
}

// TestCountersTellWhatHealingHasCost has 1 write once and 2 four times while they do not hear each
// other.
func TestCountersTellWhatHealingHasCost(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		var apart atomic.Bool
		config := func(id machine.Node) replica.Config {
			cfg := c.config(id)
			cfg.Network.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
				if apart.Load() {
					return nil, errors.New("they are apart")
				}
				return c.network.Dial(ctx, addr)
			}
			return cfg
		}
		c.start(config(1))
		two := c.ready(c.start(config(2)))
		c.agree()
		apart.Store(true)
		c.crash(1)
		c.put(c.ready(c.start(config(1))), "room", "Ada")
		for i := range 3 {
			c.put(two, addr(machine.Node(i)), "value")
		}
		fate, err := two.client().Guarded(t.Context(), kv.Guarded{
			If: `db.get("room") == None`, Then: []kv.Op{kv.Put{Key: "room", Value: []byte("Bob")}},
		})
		require.NoError(t, err)
		require.Equal(t, kv.Applied, fate)
		c.await(two, func(r bayou.Report) bool { return r.Tentative == 4 })
		before := two.Report()
		shows(t, two, "tentative 4", "undone_total 0", "conflicts 0", fmt.Sprint("commit ", before.Commit))

		apart.Store(false)
		c.agree()
		shows(t, two, "tentative 0", "undone_total 4", "conflicts 1", fmt.Sprint("commit ", before.Commit+5),
			fmt.Sprint("done_total ", before.Cost.Done+5), "transfers_total 0")
		require.Greater(t, two.Report().Cost.Sessions, before.Cost.Sessions)
		shows(t, c.nodes[1], "tentative 0", "undone_total 0", "conflicts 1")
	})
}

// shows demands lines of a replica's metrics.
func shows(t *testing.T, n *node, lines ...string) {
	t.Helper()
	text := daemon.FormatCounters(n.Counters())
	for _, line := range lines {
		require.Contains(t, text, "kvd_bayou_"+line+"\n")
	}
}

func TestWhatCannotBeStartedIsSaid(t *testing.T) {
	whole := replica.Config{Self: 1, Log: stable.NewMemory(), Bayou: bayou.Config{Addr: "n1", Programs: programs.New}}
	for text, change := range map[string]func(*replica.Config){
		"want Self, Log":             func(c *replica.Config) { c.Log = nil },
		"Bayou.Addr":                 func(c *replica.Config) { c.Bayou.Addr = "" },
		"peer 1 of node 1":           func(c *replica.Config) { c.Bayou.Peers = []bayou.Peer{{Node: 1}} },
		"a = 9: want 0 to 8":         func(c *replica.Config) { c.Near.A = 9 },
		"want 1 ms to 1 h":           func(c *replica.Config) { c.Probing = 1 },
		"a zone of 300: at most 256": func(c *replica.Config) { c.Bayou.Zone = strings.Repeat("z", 300) },
	} {
		cfg := whole
		change(&cfg)
		_, err := replica.Start(t.Context(), cfg)
		require.ErrorIs(t, err, replica.ErrConfig)
		require.ErrorContains(t, err, text)
	}
}

func TestALogOfSomethingElseIsRefused(t *testing.T) {
	for _, join := range [][]string{nil, {"n2"}} {
		log := stable.NewMemory()
		_, err := log.Append([]byte("hello"))
		require.NoError(t, err)
		_, err = replica.Start(t.Context(), replica.Config{
			Self: 1, Log: log, Join: join, Bayou: bayou.Config{Addr: "n1", Programs: programs.New},
		})
		require.ErrorContains(t, err, "record 1")
	}
}
