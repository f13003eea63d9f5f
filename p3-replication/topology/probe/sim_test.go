package probe_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

const zones = `
	east   2ms
	west  70ms   2ms
	asia 180ms 120ms 2ms
`

// world is servers in three zones by turns. Those after the first so many know of server 1 only.
func world(t *testing.T, servers, founders int, faults sim.Faults) (*sim.Config, *topology.Layout) {
	m, err := topology.ParseMap(zones)
	require.NoError(t, err)
	layout := m.Spread(servers)
	cfg := &sim.Config{Faults: faults, Latency: layout.Latency, Scheduler: sim.Timed}
	for n := 1; n <= servers; n++ {
		c := probe.Config{Addr: fmt.Sprintf("host%d:1", n), Zone: layout.Zone(machine.Node(n)), Forget: 100 * machine.Second}
		switch {
		case n > founders:
			c.Peers = places(1)
		default:
			for o := 1; o <= founders; o++ {
				if o != n {
					c.Peers = append(c.Peers, places(o)...)
				}
			}
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: machine.Node(n), Roles: []sim.Role{{Name: role, Protocol: probe.Protocol(), Config: c.AppendTo(nil)}}})
	}
	return cfg, layout
}

// wrong tells what server n does not see as it is, or "".
func wrong(d *sim.Driver, layout *topology.Layout, n, servers int) string {
	s, ok := d.Ask(addr(n), proto.Look{}).(proto.Sight)
	if !ok || len(s.Peers) != servers-1 {
		return fmt.Sprintf("%d sees %d servers", n, len(s.Peers))
	}
	nearest := machine.Time(1 << 60)
	for _, p := range s.Peers {
		real := layout.RTT(machine.Node(n), p.Node)
		nearest = min(nearest, real)
		switch {
		case !p.Up:
			return fmt.Sprintf("%d thinks that %d is down", n, p.Node)
		case p.RTT < real*8/10 || p.RTT > real*12/10:
			return fmt.Sprintf("%d sees %d at %d of %d", n, p.Node, p.RTT, real)
		case p.Addr != fmt.Sprintf("host%d:1", p.Node) || p.Zone != layout.Zone(p.Node):
			return fmt.Sprintf("%d sees %d at %q in %q", n, p.Node, p.Addr, p.Zone)
		}
	}
	if got := layout.RTT(machine.Node(n), s.Chosen); got != nearest {
		return fmt.Sprintf("%d has chosen %d at %d: the nearest is at %d", n, s.Chosen, got, nearest)
	}
	return ""
}

// settle waits until all see everything as it is.
func settle(t *testing.T, d *sim.Driver, layout *topology.Layout, servers int) {
	for n := 1; n <= servers; n++ {
		for tries := 0; ; tries++ {
			require.NoError(t, d.Err())
			text := wrong(d, layout, n, servers)
			if text == "" {
				break
			}
			require.Less(t, tries, 100, text)
			d.Sleep(machine.Second)
		}
	}
}

func TestServersThatKnowOnlyOneAreKnownToAllAndChooseTheNearest(t *testing.T) {
	cfg, layout := world(t, 12, 1, sim.Faults{})
	d := sim.NewDriver(cfg, 1)
	defer d.Close()
	settle(t, d, layout, 12)
	require.Less(t, d.Now(), 60*machine.Second)
}

func TestAllIsSeenAsItIsWhenTheFaultsAreOver(t *testing.T) {
	faults := sim.AllFaults()
	faults.Drift = 0 // what is measured is time
	for seed := range uint64(8) {
		cfg, layout := world(t, 6, 4, faults)
		d := sim.NewDriver(cfg, seed)
		d.Sleep(20 * machine.Second)
		d.Calm()
		settle(t, d, layout, 6)
		d.Close()
	}
}
