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

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/stable"
	"dss.example/common/wire"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/replica"
)

func TestOneInNobodysConfigurationIsBornAndTakesPart(t *testing.T) {
	for name, config := range map[string]func(c *cluster) replica.Config{
		"by -join": func(c *cluster) replica.Config { return c.join(4) },
		"with all peers in its own": func(c *cluster) replica.Config {
			return c.config(4)
		},
		"with one peer in its own": func(c *cluster) replica.Config {
			cfg := c.config(4)
			cfg.Bayou.Peers = cfg.Bayou.Peers[1:2]
			return cfg
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, c *cluster) {
				c.begin()
				c.put(c.nodes[1], "key", "before")
				four := c.ready(c.start(config(c)))
				c.put(four, "key 4", "hello")
				c.agree()
				require.Equal(t, "before", four.get("key"))
				require.Equal(t, "hello", c.nodes[3].get("key 4"))
				members, err := four.client().Members(t.Context())
				require.NoError(t, err)
				require.Len(t, members.Members, 4)

				for _, id := range []machine.Node{1, 2, 4} { // it needs nobody to introduce it again
					c.crash(id)
				}
				cfg := config(c)
				cfg.Bayou.Peers, cfg.Join = nil, []string{addr(1)}
				back := c.start(cfg)
				require.NoError(t, back.Ready())
				c.put(back, "key 4", "again")
				<-time.After(10 * time.Second)
				require.Equal(t, "again", c.nodes[3].get("key 4"))

				c.crash(4) // nor does it harm
				cfg.Log, cfg.Join = c.logs[4], []string{addr(3)}
				require.NoError(t, c.start(cfg).Ready())
			})
		})
	}
}

// TestTwoWhoseFriendsAreGoneMeet has 2 miss the birth of 4, and 1 and 3, who know it, gone.
func TestTwoWhoseFriendsAreGoneMeet(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		c.crash(2)
		cfg := c.join(4)
		cfg.Join = []string{addr(1)}
		four := c.ready(c.start(cfg))
		c.put(four, "key", "news")
		c.crash(1)
		c.crash(3)
		two := c.start(c.config(2))
		<-time.After(10 * time.Second)
		require.Equal(t, "news", two.get("key"))
	})
}

// TestOneThatIsAStrangerForLongIsCalledAgain has 2 mute while 4 is born, and for longer than
// 2 takes 4 for a peer after its call.
func TestOneThatIsAStrangerForLongIsCalledAgain(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		c.crash(2)
		var mute atomic.Bool
		mute.Store(true)
		cfg := c.config(2)
		cfg.Network.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			if mute.Load() {
				return nil, errors.New("mute")
			}
			return c.network.Dial(ctx, addr)
		}
		two := c.start(cfg)
		c.put(c.ready(c.start(c.join(4))), "key", "news")
		<-time.After(15 * time.Second)
		c.crash(1)
		c.crash(3)
		require.Equal(t, kv.ErrNotFound.Error(), two.get("key"))
		mute.Store(false)
		<-time.After(10 * time.Second)
		require.Equal(t, "news", two.get("key"))
	})
}

// TestOneThatDiedBeforeItKnewItsBirthLearnsOfItFromWhoBoreIt has nobody there when it starts
// again, and nobody in its configuration: the other one calls.
func TestOneThatDiedBeforeItKnewItsBirthLearnsOfItFromWhoBoreIt(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c *cluster) {
		c.begin()
		name := c.ready(c.start(c.join(4))).Report().Name
		c.agree()
		c.crash(4)
		c.crash(1)
		c.cut(4, func(rec machine.Data) bool { _, learned := rec.(proto.Learned); return learned })
		four := c.start(c.join(4))
		require.ErrorIs(t, four.Ready(), replica.ErrNoName)
		c.start(c.config(1))
		c.ready(four)
		require.Equal(t, name, four.Report().Name)
		c.agree()
	})
}

// TestOneThatDiedBeforeItHadANameIsIntroducedAgain has a disk that is not empty, and tells nothing.
func TestOneThatDiedBeforeItHadANameIsIntroducedAgain(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c *cluster) {
		c.start(c.config(4))
		c.crash(4)
		require.Greater(t, c.logs[4].Next(), uint64(1))
		cfg, begun := c.join(4), make(chan *replica.Replica, 1)
		go func() {
			r, _ := replica.Start(t.Context(), cfg)
			begun <- r
		}()
		<-time.After(10 * time.Second)
		require.Empty(t, begun, "it does not go on without knowing anybody")
		c.start(c.config(1))
		four := <-begun
		require.NotNil(t, four)
		c.ready(c.serve(addr(4), 4, &node{Replica: four}))
		c.agree()
	})
}

func TestOneWhoJoinsNobodySaysSo(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		_, err := replica.Start(t.Context(), c.join(4))
		require.ErrorIs(t, err, replica.ErrNobody)
		require.ErrorContains(t, err, "n1: ")
		require.ErrorContains(t, err, "n2: ")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = replica.Start(ctx, c.join(4))
		require.ErrorIs(t, err, replica.ErrNobody)

		two := c.start(c.config(2)) // has no name without 1
		_, err = replica.Start(t.Context(), c.join(4))
		require.ErrorIs(t, err, replica.ErrNobody)
		require.ErrorIs(t, err, replica.ErrNoDatabase)
		require.ErrorIs(t, two.Ready(), replica.ErrNoName)
		require.ErrorContains(t, two.Ready(), "it waits for another to bear it")
	})
}

// TestOneInNobodysConfigurationRetires has nobody left who would tell 4 anything by themselves.
func TestOneInNobodysConfigurationRetires(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		four := c.ready(c.start(c.join(4)))
		c.put(four, "key", "last")
		require.NoError(t, four.client().Change(t.Context(), kv.Change{Remove: 4}))
		require.ErrorIs(t, c.failure(four), replica.ErrRetired)
		c.crash(4)
		c.agree()
		require.Equal(t, "last", c.nodes[1].get("key"))
	})
}

func TestAServersNumberIsNotGivenToSomebodyElsewhere(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		c.begin()
		cfg := c.join(2)
		cfg.Log, cfg.Bayou.Addr = stable.NewMemory(), "elsewhere"
		_, err := replica.Start(t.Context(), cfg)
		require.ErrorIs(t, err, replica.ErrTaken)
		require.NotErrorIs(t, err, replica.ErrNobody, "to ask again is of no use")
		require.ErrorContains(t, err, "node 2 is at n2, and not at elsewhere: come back there, or under another number")
	})
}

// TestAServerOfAnotherStageIsNoPeer has one at n2, that takes calls and frames, but not ours.
func TestAServerOfAnotherStageIsNoPeer(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		ln, err := c.network.Listen("n2")
		require.NoError(t, err)
		foreign, served := wire.NewServer(wire.ServerOptions{}), make(chan error, 1)
		go func() { served <- foreign.Serve(ln) }()
		defer func() {
			require.NoError(t, foreign.Close())
			require.NoError(t, <-served)
		}()
		var said bytes.Buffer
		cfg := c.config(1)
		cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
		c.put(c.ready(c.start(cfg)), "key", "value")
		<-time.After(30 * time.Second)
		c.crash(1)
		require.Equal(t, 1, strings.Count(said.String(), "a peer cannot be one"), "a person is told once")
		require.Contains(t, said.String(), `addr=n2 err="not a server of stage 3: want the address of one`)

		joins := c.join(4)
		joins.Join = []string{addr(2)}
		_, err = replica.Start(t.Context(), joins)
		require.ErrorIs(t, err, replica.ErrStage)
		require.NotErrorIs(t, err, replica.ErrNobody, "to ask again is of no use")
	})
}

func TestAReplicaThatHasMovedIsFoundWhereOthersAreToldToLook(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		c.begin()
		c.agree()
		c.crash(2)
		var said bytes.Buffer
		moved := c.config(2)
		moved.Bayou.Addr, moved.Logger = "n7", slog.New(slog.NewTextHandler(&said, nil))
		c.put(c.startAt("n7", moved), "key", "moved")
		<-time.After(10 * time.Second)
		require.Equal(t, kv.ErrNotFound.Error(), c.nodes[1].get("key"))
		c.crash(1)
		told := c.config(1)
		told.Bayou.Peers[0].Addr = "n7"
		c.start(told)
		c.agree()
		require.Equal(t, "moved", c.nodes[1].get("key"))
		c.crash(2)
		require.Equal(t, 1, strings.Count(said.String(), "this replica is not where others look for it"))
		require.Contains(t, said.String(), "node 2 is at n2, and not at n7")
	})
}

func TestCallersAreToldWhoIsThere(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, c *cluster) {
		one := c.begin().nodes[1]
		c.agree()
		meet := func(id machine.Node) (company replica.Company, err error) {
			conn, err := wire.Dial(t.Context(), addr(1), wire.ClientOptions{Dial: c.network.Dial, Errors: replica.Errors()})
			require.NoError(t, err)
			defer conn.Close()
			err = conn.Call(t.Context(), replica.MethodMeet, &replica.Meeting{Node: id, Addr: fmt.Sprint("at ", id)}, &company)
			return company, err
		}
		company, err := meet(0)
		require.NoError(t, err, "who only asks")
		require.Empty(t, cmp.Diff([]bayou.Peer{{Node: 2, Addr: "n2"}, {Node: 1, Addr: "n1"}}, company.Servers))
		_, err = meet(2)
		require.ErrorIs(t, err, replica.ErrTaken)
		for id := machine.Node(3); id < 19; id++ {
			_, err := meet(id)
			require.NoError(t, err)
		}
		_, err = meet(19)
		require.ErrorIs(t, err, replica.ErrGuests)
		require.True(t, one.Peers().Send(18, []byte("x")))
		<-time.After(11 * time.Second)
		require.False(t, one.Peers().Send(18, []byte("x")))
	})
}

func TestMeetingsAndCompaniesOfHostileBytesAreRefused(t *testing.T) {
	peer := func(b []byte, node uint64, addr string) []byte {
		return cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(b, 2), node), addr)
	}
	var m replica.Meeting
	require.NoError(t, m.DecodeFrom(peer(nil, 4, "n4")))
	require.Equal(t, replica.Meeting{Node: 4, Addr: "n4"}, m)
	require.ErrorContains(t, m.DecodeFrom(peer(nil, 4, string(make([]byte, 300)))), "an address of 300 bytes: at most 256")
	require.ErrorIs(t, m.DecodeFrom(append(peer(nil, 4, "n4"), 0)), cbor.ErrMalformed)

	var c replica.Company
	require.NoError(t, c.DecodeFrom(peer(cbor.AppendArray(nil, 1), 4, "n4")))
	require.Equal(t, []bayou.Peer{{Node: 4, Addr: "n4"}}, c.Servers)
	require.ErrorContains(t, c.DecodeFrom(peer(cbor.AppendArray(nil, 1), 0, "n4")), "a server of number 0")
	many := cbor.AppendArray(nil, 65)
	for n := range uint64(65) {
		many = peer(many, n+1, "n")
	}
	require.ErrorContains(t, c.DecodeFrom(many), "65 servers: at most 64")
}

func FuzzCompanyNeverPanicsAndHasOneForm(f *testing.F) {
	f.Add((&replica.Company{Servers: []bayou.Peer{{Node: 1, Addr: "n1"}, {Node: 2}}}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c replica.Company
		if c.DecodeFrom(b) == nil {
			require.Equal(t, b, c.AppendTo(nil))
		}
		var m replica.Meeting
		if m.DecodeFrom(b) == nil {
			require.Equal(t, b, m.AppendTo(nil))
		}
	})
}
