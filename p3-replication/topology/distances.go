package topology

import (
	"time"

	"dss.example/common/kv"

	"dss.example/p3-replication/topology/proto"
)

// Distances returns what a probe sees as the answer to kv.Probe.
func Distances(s proto.Sight) kv.Distances {
	d := kv.Distances{Asked: kv.ReplicaID(s.Self.Node), Zone: s.Self.Zone}
	for _, p := range s.Peers {
		d.List = append(d.List, kv.Distance{
			ID: kv.ReplicaID(p.Node), Addr: p.Addr, Zone: p.Zone,
			Up: p.Up, RTT: time.Duration(p.RTT), Chosen: p.Node == s.Chosen,
		})
	}
	return d
}
