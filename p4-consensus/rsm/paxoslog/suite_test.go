package paxoslog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
	"dss.example/common/loglettest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/sim"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm/paxoslog"
)

// trouble lets the answers to appends get lost, and kills the leader now and then.
type trouble struct {
	*cluster
	mu      sync.Mutex // guards rng
	rng     *rand.Rand
	strikes chan struct{} // asks for the next kill, unless one is asked for already
	ended   chan struct{} // closed when nobody kills any more
}

func (c *cluster) trouble(seed uint64) *trouble {
	t := &trouble{
		cluster: c, rng: rand.New(rand.NewPCG(seed, 2)),
		strikes: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go func() {
		defer close(t.ended)
		for range t.strikes {
			c.crash(c.leader())
			c.restart()
		}
	}()
	return t
}

// end returns when all that was killed is back.
func (t *trouble) end() {
	close(t.strikes)
	<-t.ended
}

func (t *trouble) draw(n int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rng.IntN(n)
}

// troubled is a replica in trouble.
type troubled struct {
	*trouble
	replica int
}

// Ask implements paxoslog.Asker.
func (r *troubled) Ask(ctx context.Context, cmd machine.Data) (machine.Data, error) {
	n := r.node(r.replica)
	if n == nil {
		return nil, run.ErrStopped
	}
	if _, appends := cmd.(logs.Append); !appends {
		return n.Ask(ctx, cmd)
	}
	switch r.draw(8) {
	case 0, 1:
		if _, err := n.Ask(ctx, cmd); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the answer is lost", run.ErrUnknown)
	case 2, 3:
		short, cancel := context.WithCancel(ctx)
		go cancel() // before it is asked, meanwhile or afterwards
		return n.Ask(short, cmd)
	case 4:
		select {
		case r.strikes <- struct{}{}:
		default:
		}
	}
	return n.Ask(ctx, cmd)
}

// inProcess is the world of a cluster, whose clients ask one replica each. It cannot damage
// an entry: whatever one disk has lost the others tell it.
func inProcess(c *cluster, seed uint64) *loglettest.World {
	var doubt *trouble
	reopened := 0
	return &loglettest.World{
		Log: func(client int) loglet.Loglet {
			if doubt != nil {
				return paxoslog.New(&troubled{doubt, client % replicas})
			}
			return paxoslog.New(c.node(client % replicas))
		},
		Reopen: func() error {
			reopened++
			last := c.leader()
			for i := range replicas {
				if i == last || reopened%2 == 0 { // the leader alone, or all of them
					c.crash(i)
				}
			}
			c.restart()
			return nil
		},
		Doubt: func(on bool) {
			if on {
				doubt = c.trouble(seed)
				return
			}
			doubt.end()
			doubt = nil
		},
		Outage: func(on bool) {
			if !on {
				c.restart()
				return
			}
			c.crash(1)
			c.crash(2)
		},
	}
}

func TestThreeReplicasInProcessKeepEveryPromiseOfALog(t *testing.T) {
	for _, check := range loglettest.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster) {
				w := inProcess(c, 1)
				if !check.Applies(w) {
					require.Equal(t, "a damaged entry is told, and is not the end", check.Name)
					return
				}
				require.NoError(t, check.Run(w, 1))
			})
		})
	}
}

// simulated is a replica in a simulated world.
type simulated struct {
	driver *sim.Driver
	at     machine.Addr
	lose   *rand.Rand // nil: no answer is lost
}

// Ask implements paxoslog.Asker.
func (r *simulated) Ask(_ context.Context, cmd machine.Data) (machine.Data, error) {
	answer := r.driver.Ask(r.at, cmd)
	if answer == nil || r.lose != nil && r.lose.IntN(2) == 0 {
		return nil, run.ErrUnknown
	}
	return answer, nil
}

// inSimulator is the world of a seed, whose network does what it likes as long as everybody
// is heard in the end. Restarts are in the worlds of package logs.
func inSimulator(seed uint64) (*loglettest.World, *sim.Driver) {
	c := paxos.Config{Heartbeat: 50 * machine.Millisecond, Election: 300 * machine.Millisecond, Snapshot: 4096, Retain: 4}
	cfg := &sim.Config{Faults: sim.Faults{Drop: 0.1, Duplicate: 0.2, Delay: 0.05, FalseUp: 0.005, Drift: 0.05, SlowDisk: 0.05}}
	for i := range machine.Node(replicas) {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: i + 1}})
	}
	protocol := logs.Language("log").Protocol()
	for i := range machine.Node(replicas) {
		role := sim.Role{Name: "log", Protocol: protocol, Config: c.AppendTo(nil)}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: i + 1, Roles: []sim.Role{role}})
	}
	d := sim.NewDriver(cfg, seed)
	var lose *rand.Rand
	return &loglettest.World{
		Log: func(client int) loglet.Loglet {
			at := machine.Addr{Node: machine.Node(1 + client%replicas), Role: "log"}
			return paxoslog.New(&simulated{d, at, lose})
		},
		Doubt: func(on bool) {
			if lose = nil; on {
				lose = rand.New(rand.NewPCG(seed, 3))
			}
		},
		Parallel: d.Parallel,
	}, d
}

// heavy are checks with entries of 5 MiB. The simulator looks at every byte that is sent or
// saved, and what is large is no other case to it.
func heavy(c *loglettest.Check) bool {
	return c.Name == "the largest entry and batch fit, and a byte more does not" || c.Name == "pages keep their bound in bytes"
}

func TestThreeReplicasInTheSimulatorKeepEveryPromiseOfALog(t *testing.T) {
	seeds := 5
	if testing.Short() {
		seeds = 1
	}
	checked := 0
	for seed := range uint64(seeds) {
		for _, check := range loglettest.Checks() {
			w, d := inSimulator(seed)
			if check.Applies(w) && !heavy(&check) {
				require.NoError(t, check.Run(w, seed), "%s, seed %d", check.Name, seed)
				require.NoError(t, d.Err(), "%s, seed %d", check.Name, seed)
				checked++
			}
			d.Close()
		}
	}
	require.Equal(t, 33*seeds, checked, "all but two that are heavy, three of restarts, one of an outage and one of damage")
}
