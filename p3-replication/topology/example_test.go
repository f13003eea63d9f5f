package topology_test

import (
	"fmt"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

// Three servers in two zones, the probe of one of them, and what kv.Probe is answered with.
func Example() {
	zones, err := topology.ParseMap(`
		east   2ms
		west  80ms  2ms
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	layout := zones.Spread(3)
	cfg := &sim.Config{Latency: layout.Latency, Scheduler: sim.Timed}
	for n := machine.Node(1); n <= 3; n++ {
		c := probe.Config{Zone: layout.Zone(n)}
		if n > 1 {
			c.Peers = []proto.Place{{Node: 1}} // all that a newcomer has to know
		}
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{{Name: "probe", Protocol: probe.Protocol(), Config: c.AppendTo(nil)}}})
	}
	d := sim.NewDriver(cfg, 1)
	defer d.Close()
	d.Sleep(20 * machine.Second)
	sight := d.Ask(machine.Addr{Node: 1, Role: "probe"}, proto.Look{}).(proto.Sight)
	for _, s := range topology.Distances(sight).List {
		fmt.Println(s.ID, s.Zone, "up:", s.Up, "near:", s.RTT.Milliseconds() < 10, "chosen:", s.Chosen)
	}
	// Output:
	// 2 west up: true near: false chosen: false
	// 3 east up: true near: true chosen: true
}

// Servers that choose their partners by distance: near ones most often, and all sometimes.
func ExampleLayout_Partner() {
	zones, _ := topology.ParseMap("east 2ms\nwest 80ms 2ms")
	partner := zones.Spread(4).Partner(1, topology.Spatial{A: 2})
	chosen := map[machine.Node]int{}
	for rand := range uint64(1000) {
		chosen[partner(rand*0x9e3779b97f4a7c15, []machine.Node{2, 3, 4})]++ // bayou draws rand
	}
	fmt.Println("near:", chosen[3] > 600, "far:", chosen[2] > 100, chosen[4] > 100)
	// Output: near: true far: true true
}
