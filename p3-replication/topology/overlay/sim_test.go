package overlay_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/overlay"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

const (
	servers = 6
	app     = "app" // what is told of new items
)

// world is servers in three zones by turns, each with its probe. The last of them joins: it knows the
// first only, and nobody knows it.
func world(t *testing.T, c overlay.Config, faults sim.Faults) (*sim.Config, *topology.Layout) {
	m, err := topology.ParseMap("east 2ms\nwest 70ms 2ms\nasia 180ms 120ms 2ms")
	require.NoError(t, err)
	layout := m.Spread(servers)
	cfg := &sim.Config{Faults: faults, Latency: layout.Latency, Scheduler: sim.Timed, Judges: func() []sim.Judge { return []sim.Judge{&once{}} }}
	c.Deliver = app
	for n := 1; n <= servers; n++ {
		p := probe.Config{Tell: role}
		for o := 1; o <= servers; o++ {
			if o != n && (o < servers && n < servers || o == 1) {
				p.Peers = append(p.Peers, proto.Place{Node: machine.Node(o)})
			}
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: machine.Node(n), Roles: []sim.Role{
			{Name: "probe", Protocol: probe.Protocol(), Config: p.AppendTo(nil)},
			{Name: role, Protocol: overlay.Protocol(), Config: c.AppendTo(nil)},
		}})
	}
	return cfg, layout
}

// once is a judge: no process tells of an item twice.
type once struct{ told map[string]bool }

func (o *once) Step(s *sim.Step) error {
	for _, env := range s.Out.Send {
		if i, ok := env.Msg.(proto.Item); ok && env.To.Role == app {
			key := fmt.Sprint(s.Addr, s.Life, i.ID)
			if o.told[key] {
				return fmt.Errorf("%v tells of %v twice", s.Addr, i.ID)
			}
			if o.told == nil {
				o.told = map[string]bool{}
			}
			o.told[key] = true
		}
	}
	return nil
}

func (o *once) End(*sim.World) error { return nil }

// whole tells whether all servers have the same tree of all.
func whole(d *sim.Driver) bool {
	first, ok := d.Ask(addr(1), proto.Look{}).(proto.Outline)
	for n := 2; ok && n <= servers; n++ {
		var other proto.Outline
		other, ok = d.Ask(addr(n), proto.Look{}).(proto.Outline)
		ok = ok && cmp.Equal(first.Tree, other.Tree)
	}
	return ok && len(first.Tree) == servers-1
}

// until waits for something that must come without faults.
func until(t *testing.T, d *sim.Driver, what string, is func() bool) {
	for tries := 0; !is(); tries++ {
		require.NoError(t, d.Err())
		require.Less(t, tries, 100, what)
		d.Sleep(machine.Second)
	}
}

// has returns the bodies that a server has heard.
func has(d *sim.Driver, n int) (all []string) {
	for a := (proto.Items{}); ; {
		a, _ = d.Ask(addr(n), proto.Read{After: a.Next}).(proto.Items)
		if len(a.List) == 0 {
			slices.Sort(all)
			return all
		}
		for _, i := range a.List {
			all = append(all, string(i.Body))
		}
	}
}

func TestTheTreeIsWholeAndCarriesAllWhenTheFaultsAreOver(t *testing.T) {
	faults := sim.AllFaults()
	faults.Drift = 0 // what is measured is time
	for seed := range uint64(10) {
		cfg, layout := world(t, overlay.Config{Lazy: seed%2 == 0}, faults)
		d := sim.NewDriver(cfg, seed)
		for n := range 20 {
			d.Ask(addr(n%servers+1), proto.Publish{Body: []byte("during")})
			d.Sleep(500 * ms)
		}
		d.Calm()
		until(t, d, "they have other trees", func() bool { return whole(d) })
		d.Sleep(30 * machine.Second) // measurements made under faults are forgotten
		until(t, d, "they have other trees", func() bool { return whole(d) })
		far := 0
		for _, e := range d.Ask(addr(1), proto.Look{}).(proto.Outline).Tree {
			if layout.Zone(e.A) != layout.Zone(e.B) {
				far++
			}
		}
		require.Equal(t, 2, far, "seed %d: three zones are joined by two links", seed)
		require.IsType(t, proto.Published{}, d.Ask(addr(3), proto.Publish{Body: []byte("after")}))
		d.Sleep(machine.Second)
		for n := range servers {
			require.Contains(t, has(d, n+1), "after", "seed %d: server %d", seed, n+1)
		}
		require.NoError(t, d.Err(), "seed %d", seed)
		d.Close()
	}
}

func TestALazyOverlayLosesNothingUnlessAProcessDies(t *testing.T) {
	for seed := range uint64(10) {
		faults := sim.NetworkFaults()
		faults.Pause = 0.01
		cfg, _ := world(t, overlay.Config{Lazy: true}, faults)
		d := sim.NewDriver(cfg, seed)
		var want []string
		for n := range 30 {
			body := fmt.Sprint(100 + n)
			require.IsType(t, proto.Published{}, d.Ask(addr(n%servers+1), proto.Publish{Body: []byte(body)}))
			want = append(want, body)
			d.Sleep(200 * ms)
		}
		d.Calm()
		for n := range servers {
			until(t, d, "an item is missing", func() bool { return cmp.Equal(want, has(d, n+1)) })
		}
		require.NoError(t, d.Err(), "seed %d", seed)
		d.Close()
	}
}
