package spec

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// hears takes what arrives: it was said, so what it rests on is durable.
func (d *Database) hears(n *server, e machine.Recv) {
	if e.From.Node == n.id {
		if m, ok := e.Msg.(proto.Ordered); ok && e.From.Role == d.cfg.Order {
			d.isOrdered(m)
		}
		return
	}
	switch m := e.Msg.(type) {
	case proto.Offer:
		d.tells(e.From.Node, m.Database, &m.Reach)
	case proto.Want:
		d.tells(e.From.Node, m.Database, &m.Reach)
	case proto.Batch:
		d.tells(e.From.Node, m.Database, &m.Reach)
	case proto.Piece:
		d.tells(e.From.Node, m.Database, &m.Reach)
	case proto.Born:
		d.spoke[e.From.Node] = true
		if a := d.names[birth(m.Name).Server]; a != nil {
			a.heard = max(a.heard, a.upTo(birth(m.Name).Time))
		}
	}
}

// birth returns the write that made a server: the first one of all is its own.
func birth(name vector.Server) vector.Stamp {
	if name == vector.Root {
		return vector.Stamp{Time: 1, Server: vector.Root}
	}
	return name.Born()
}

// isOrdered notes the numbers that somebody gives who is no server.
func (d *Database) isOrdered(m proto.Ordered) {
	for i, id := range m.IDs {
		if !id.IsZero() {
			d.told[m.First+uint64(i)] = id
		}
	}
}

// tells notes how far a server has come, as others know now.
func (d *Database) tells(from machine.Node, database uint64, r *proto.Reach) {
	n := d.nodes[from]
	if database == 0 || n == nil {
		return
	}
	d.spoke[from] = true
	d.heard = max(d.heard, min(r.Commit, uint64(len(d.given))))
	if !n.renamed {
		n.durable.commit = max(n.durable.commit, r.Commit)
	}
	if slices.Equal(r.Known, n.sound.Known) {
		return
	}
	n.sound = *r
	for _, e := range r.Known {
		a := d.names[e.Server]
		if a == nil {
			continue
		}
		count := a.upTo(e.Time)
		a.heard = max(a.heard, count)
		if !n.renamed {
			raise(&n.durable.known, a, count)
		}
	}
}

// says judges what a server sends.
func (d *Database) says(n *server, e *machine.Envelope) {
	if e.To.Node == n.id {
		return
	}
	switch m := e.Msg.(type) {
	case proto.Offer:
		d.claims(n, &m.Reach, e.Early)
	case proto.Want:
		d.claims(n, &m.Reach, e.Early)
	case proto.Batch:
		d.claims(n, &m.Reach, e.Early)
		for i := range m.Items {
			d.hands(n, &m.Items[i])
		}
	case proto.Piece:
		d.claims(n, &m.Reach, e.Early)
		d.ships(n, &m.Part)
	case proto.Born:
		if e.Early || !d.has(n, birth(m.Name)) {
			d.wrong("saved first", "node %d names a server %v before its birth is saved", n.id, m.Name)
		}
	}
}

// claims checks that a server says that it knows only what it has saved.
func (d *Database) claims(n *server, r *proto.Reach, early bool) {
	if early || r.Commit > n.commit {
		d.wrong("saved first", "node %d says that it has come to number %d, and has saved up to %d", n.id, r.Commit, n.commit)
	}
	if r.Commit >= n.said.Commit && slices.Equal(r.Known, n.said.Known) {
		return
	}
	n.said = *r
	for _, a := range d.authors {
		if t, _ := covers(r.Known, a.name); t > 0 && !d.hasAll(n, a, t) {
			d.wrong("saved first", "node %d says that it knows all of %v up to time %d, and has saved %d writes of it", n.id, a.name, t, n.count(a))
		}
	}
}

// hasAll tells whether a server knows the writes of an author up to a time, which is that of the last
// one, or all that ever will be.
func (d *Database) hasAll(n *server, a *author, t uint64) bool {
	count := n.count(a)
	switch {
	case d.names[a.name] != a:
		return true
	case t == vector.MaxTime:
		return a.hasRetired(count)
	case count == 0:
		return t <= a.name.Born().Time
	}
	return t <= a.writes[count-1].ID.Time
}

// hasRetired tells whether the last of an author's first writes is its retirement.
func (a *author) hasRetired(count int) bool {
	return count > 0 && a.writes[count-1].Kind == proto.Retirement
}

// hands judges one write or number in a batch.
func (d *Database) hands(n *server, it *proto.Item) {
	w := d.find(it.ID)
	switch {
	case w == nil || !n.knows(w):
		d.wrong("saved first", "node %d sends %s, and has not saved it", n.id, it.ID)
	case it.Write != nil && identity(it.Write) != w.bytes:
		d.wrong("same", "node %d sends another write as %s than was accepted", n.id, it.ID)
	case it.Commit > n.commit || it.Commit > 0 && w.number != it.Commit:
		d.wrong("number", "node %d sends %s with number %d: it is %d", n.id, it.ID, it.Commit, w.number)
	}
}

// ships judges a part of a state on its way.
func (d *Database) ships(n *server, p *proto.Part) {
	switch {
	case p.At.Commit > n.commit:
		d.wrong("saved first", "node %d sends a state after number %d, and has saved up to %d", n.id, p.At.Commit, n.commit)
	case p.Next == "":
		d.isState(n, p.At.Commit, p.Sure, p.Pairs, p.At.From)
	default:
		d.arePairs(n, p.At.Commit, p.Pairs, p.At.From, p.Next)
	}
}
