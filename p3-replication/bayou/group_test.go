package bayou_test

import (
	"fmt"
	"slices"
	"testing"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Groups of servers that are there when a test begins.

// group starts nodes 1 to n, of which 1 is the primary, and all know of all: they were born
// before, so that no test but those of births needs to bear them.
func group(t testing.TB, n int, tune ...func(*bayou.Config)) *cluster {
	c := newCluster(t)
	for i := 1; i <= n; i++ {
		cfg := quiet(i, upTo(i-1)...)
		for _, fn := range tune {
			fn(&cfg)
		}
		c.onRecords(i, cfg, formed(i, n, cfg)...)
		c.pass()
	}
	return c
}

// formed is what the disk of node id of n holds when node 1 has borne the others.
func formed(id, n int, cfg bayou.Config) (records []machine.Data) {
	place := func(i int) proto.Place {
		return proto.Place{Node: machine.Node(i), Life: 1000 + uint64(i), Addr: addr(i), Zone: "z"}
	}
	me := proto.Named{Database: 9, Name: vector.Root, Place: place(id)}
	if id > 1 {
		me.Name = name(fmt.Sprintf("0.%d", id))
	}
	records = append(records, me)
	for i, birth := range births(n) {
		records = append(records, proto.Learned{Write: proto.Write{ID: birth, Kind: proto.Birth, Place: place(i + 1)}})
	}
	if cfg.Order == "" {
		records = append(records, proto.Committed{First: 1, IDs: births(n)})
	}
	return records
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// family is nodes 1 to n on disks that were empty: 1 has founded the database, and borne the others.
func family(t testing.TB, n int) *cluster {
	c := newCluster(t)
	for i := 1; i <= n; i++ {
		c.start(i, quiet(i, upTo(i-1)...))
		c.pass()
	}
	for i := 1; i <= n; i++ {
		c.tell(1, i)
	}
	return c
}

// onRecords starts a node with those records on its disk; nil is one that is damaged.
func (c *cluster) onRecords(id int, cfg bayou.Config, records ...machine.Data) *node {
	c.t.Helper()
	n := &node{id: id, cfg: cfg}
	for _, rec := range records {
		n.seq++
		n.disk = append(n.disk, machine.Load{Seq: n.seq, Record: rec, Damaged: rec == nil})
	}
	n.history = slices.Clone(n.disk)
	c.nodes[id] = n
	c.restart(n)
	return n
}
