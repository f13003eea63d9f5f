package overlay

import (
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// see takes what the probe sees. If it is not what the server's row says, there is another row.
func (o *Overlay) see(m proto.Sight, out *machine.Out) {
	before := o.up
	o.up = nil
	var links []proto.Link
	for _, s := range m.Peers {
		if !s.Up || s.RTT == 0 || s.Node == o.self.Node {
			continue
		}
		o.up = append(o.up, s.Node)
		links = append(links, proto.Link{To: s.Node, RTT: o.steady(s.Node, s.RTT)})
	}
	at, ok := find(o.rows, o.self.Node)
	if !ok {
		return
	}
	if !slices.Equal(links, o.rows[at].Links) {
		o.renew(links, o.rows[at].Version, out)
	}
	for _, n := range o.up {
		if !slices.Contains(before, n) {
			o.greet(n, out)
		}
	}
}

// steady returns what the row says of a server, if it is still about right.
func (o *Overlay) steady(node machine.Node, rtt machine.Time) machine.Time {
	told, ok := link(o.rows, o.self.Node, node)
	if drift := max(rtt-told, told-rtt); ok && 100*drift <= machine.Time(o.cfg.Drift)*told {
		return told
	}
	return rtt
}

// renew gives the server a row above a version, and tells all who are up.
func (o *Overlay) renew(links []proto.Link, above proto.Version, out *machine.Out) {
	row := proto.Row{Node: o.self.Node, Version: above.Above(o.life), Links: links}
	if at, ok := find(o.rows, o.self.Node); ok {
		o.rows[at] = row
	}
	for _, n := range o.up {
		out.SendTo(o.addr(n), proto.Rows{List: []proto.Row{row}})
	}
	o.stale = true
}

// learn takes in rows of others that are newer. A newer one of its own is from before it started:
// it has to come above.
func (o *Overlay) learn(rows []proto.Row, out *machine.Out) {
	for _, r := range rows {
		if r.Node == o.self.Node {
			o.surpass(r.Version, out)
		} else if o.take(r, out) {
			o.stale = true
		}
	}
}

func (o *Overlay) surpass(v proto.Version, out *machine.Out) {
	if at, ok := find(o.rows, o.self.Node); ok && v.Compare(o.rows[at].Version) > 0 {
		o.renew(o.rows[at].Links, v, out)
	}
}

// take puts a row in the place of an older one. If there is no room for one of another server, one
// that cannot be reached makes room.
func (o *Overlay) take(r proto.Row, out *machine.Out) bool {
	at, known := find(o.rows, r.Node)
	switch {
	case known && r.Version.Compare(o.rows[at].Version) <= 0:
		return false
	case known:
		o.rows[at] = r
		return true
	case len(o.rows) >= proto.MaxPlaces && !o.drop(out):
		return false
	}
	at, _ = find(o.rows, r.Node)
	o.rows = slices.Insert(o.rows, at, r)
	return true
}

// drop forgets a row of a server that the tree does not reach.
func (o *Overlay) drop(out *machine.Out) bool {
	o.grow(out)
	at := slices.IndexFunc(o.rows, func(r proto.Row) bool {
		return r.Node != o.self.Node && !slices.ContainsFunc(o.tree, func(e proto.Edge) bool { return e.A == r.Node || e.B == r.Node })
	})
	if at < 0 {
		return false
	}
	o.rows = slices.Delete(o.rows, at, at+1)
	return true
}

// grow works out the tree, if the rows are others than before: many may come at a time, so that it
// is done when the tree is needed. New neighbours are told Hello: one may have what was lost.
func (o *Overlay) grow(out *machine.Out) {
	if !o.stale {
		return
	}
	o.stale = false
	before := o.next
	o.tree, o.next = Around(Spanning(Edges(o.rows)), o.self.Node)
	for _, n := range o.next {
		if o.cfg.Lazy && !slices.Contains(before, n) {
			o.greet(n, out)
		}
	}
}

// greet says Hello.
func (o *Overlay) greet(to machine.Node, out *machine.Out) {
	var m proto.Hello
	for _, r := range o.rows {
		m.Heard = append(m.Heard, proto.Heard{Node: r.Node, Version: r.Version})
	}
	if o.cfg.Lazy {
		m.Have = o.items.have()
	}
	out.SendTo(o.addr(to), m)
}

// greeted sends rows that the other lacks, and asks for those that it has newer.
func (o *Overlay) greeted(from machine.Addr, m proto.Hello, out *machine.Out) {
	var newer []proto.Row
	var lack []machine.Node
	for _, r := range o.rows {
		at, ok := slices.BinarySearchFunc(m.Heard, r.Node, func(h proto.Heard, n machine.Node) int { return cmp.Compare(h.Node, n) })
		if !ok || r.Version.Compare(m.Heard[at].Version) > 0 {
			newer = append(newer, r)
		}
	}
	for _, h := range m.Heard {
		at, ok := find(o.rows, h.Node)
		if !ok || h.Version.Compare(o.rows[at].Version) > 0 {
			lack = append(lack, h.Node)
		}
	}
	if len(newer) > 0 {
		out.SendTo(from, proto.Rows{List: newer})
	}
	if len(lack) > 0 {
		out.SendTo(from, proto.Lack{Rows: lack})
	}
	o.miss(from.Node, m.Have)
}
