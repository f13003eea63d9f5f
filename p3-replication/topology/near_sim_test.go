package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/bayou"
	bayouproto "dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

// none is a language without programs.
type none struct{ state.Programs }

func (none) Validate(string, string) error { return nil }

// guided are servers of Bayou that choose their partners by what their probes tell them.
func guided() *machine.Protocol {
	cfg := bayou.Config{Programs: func() state.Programs { return none{} }}
	p := topology.WithSights(*bayou.Protocol("bayou", cfg))
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		near, own := topology.NewNear("probe", topology.Spatial{A: 2}), cfg
		own.Partner = near.Partner
		server, err := bayou.Protocol("bayou", own).New(self, config)
		near.Server = server
		return near, err
	}
	return p
}

// offers is a judge that counts the offers between servers.
type offers struct {
	layout    *topology.Layout
	near, far int
}

func (o *offers) Step(s *sim.Step) error {
	for _, env := range s.Out.Send {
		if _, ok := env.Msg.(bayouproto.Offer); ok && o.layout.Zone(s.Addr.Node) == o.layout.Zone(env.To.Node) {
			o.near++
		} else if ok {
			o.far++
		}
	}
	return nil
}

func (o *offers) End(*sim.World) error { return nil }

func TestServersOfBayouTalkToNearOnesMoreOftenAndAgreeAllTheSame(t *testing.T) {
	layout := parse(t, "east 2ms\nwest 90ms 2ms").Spread(8)
	count := &offers{layout: layout}
	cfg := &sim.Config{Latency: layout.Latency, Scheduler: sim.Timed, Judges: func() []sim.Judge { return []sim.Judge{count} }}
	for n := machine.Node(1); n <= 8; n++ {
		b, p := bayou.Config{Found: n == 1, Eager: -1}, probe.Config{Tell: "bayou"}
		for _, o := range nodes(8) {
			if o != n {
				b.Peers, p.Peers = append(b.Peers, bayou.Peer{Node: o}), append(p.Peers, proto.Place{Node: o})
			}
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{
			{Name: "bayou", Protocol: guided(), Config: b.AppendTo(nil)},
			{Name: "probe", Protocol: probe.Protocol(), Config: p.AppendTo(nil)},
		}})
	}
	d := sim.NewDriver(cfg, 3)
	defer d.Close()
	ask := func(n machine.Node, op kv.Op) *kv.Response {
		r, _ := d.Ask(machine.Addr{Node: n, Role: "bayou"}, &kv.Request{Op: op}).(*kv.Response)
		require.NotNil(t, r)
		return r
	}
	d.Sleep(20 * machine.Second)
	require.Equal(t, kv.OK, ask(5, kv.Put{Key: "x", Value: []byte("1")}).Status)
	*count = offers{layout: layout}
	d.Sleep(60 * machine.Second)
	for n := machine.Node(1); n <= 8; n++ {
		require.Equal(t, kv.OK, ask(n, kv.Get{Key: "x"}).Status, "server %d", n)
	}
	require.NoError(t, d.Err())
	require.Greater(t, count.near, 2*count.far, "3 others are near and 4 are far")
	require.Greater(t, count.far, count.near/10)
}
