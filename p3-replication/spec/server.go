package spec

import (
	"maps"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// server is one life of a server, as its records and messages show it.
type server struct {
	id   machine.Node
	life int
	me   *author // nil: it has no name
	name vector.Server

	known     []int  // by author: so many of its writes, from the first on
	commit    uint64 // numbers up to this one are known
	tentative []*write
	clock     uint64 // the highest time that is known
	full      *plain // nil: to be done from scratch
	shared    bool   // full is a committed state, and not to be changed

	asks     map[uint64]*kv.Request
	accepted map[kv.Version]accepted
	several  bool     // this step has several answers
	past     []*plain // then: the full views before each write that it accepted

	said    proto.Reach // the last that was found to be true
	sound   proto.Reach // the last that was heard from it
	durable reach       // what it has told others, under its name
	renamed bool        // it had another name before: what it has told is not compared

	disk
}

// reach is how far a server has come.
type reach struct {
	known  []int
	commit uint64
}

// accepted is a write of a client's, and what became of it at first.
type accepted struct {
	write   *write
	fate    kv.Fate
	missing bool // the key that it deletes
}

// disk is what matters of a server's log beside what it knows.
type disk struct {
	seq    uint64 // of the last record
	base   uint64 // the record at which the last whole state begins: none before is needed
	named  uint64 // the last that tells its name: a state may follow
	harmed uint64 // the last that was damaged, if no state has made up for it

	since   map[vector.Stamp]bool // learned since named
	highest uint64                // number since named
	part    proto.Cursor          // of the state that is being saved, what comes next
	pairs   []proto.Pair

	found *proto.Named // by this life, until it wakes
	whole *proto.Part
	last  uint64 // number that the records tell
	all   map[vector.Stamp]bool
}

func newDisk() disk { return disk{since: map[vector.Stamp]bool{}, all: map[vector.Stamp]bool{}} }

func newServer(id machine.Node, life int) *server {
	return &server{id: id, life: life, asks: map[uint64]*kv.Request{}, accepted: map[kv.Version]accepted{}, disk: newDisk()}
}

// server returns the present life of a node's server.
func (d *Database) server(id machine.Node, life int) *server {
	n := d.nodes[id]
	if n == nil {
		n = newServer(id, life)
		d.nodes[id] = n
	}
	if n.life != life {
		next := newServer(id, life)
		next.me, next.durable, next.renamed = n.me, n.durable, n.renamed
		d.nodes[id] = next
	}
	return d.nodes[id]
}

func (n *server) count(a *author) int {
	if a.i < len(n.known) {
		return n.known[a.i]
	}
	return 0
}

func (n *server) knows(w *write) bool { return w.n < n.count(w.author) }

// has is knows, of any stamp.
func (d *Database) has(n *server, id vector.Stamp) bool {
	w := d.find(id)
	return w != nil && n.knows(w)
}

func (n *server) raise(a *author, count int) { raise(&n.known, a, count) }

func raise(known *[]int, a *author, count int) {
	for len(*known) <= a.i {
		*known = append(*known, 0)
	}
	(*known)[a.i] = max((*known)[a.i], count)
}

// load notes a record that an earlier life has left.
func (n *server) load(e machine.Load) {
	n.seq = e.Seq
	if e.Damaged {
		n.harmed = e.Seq
		return
	}
	switch r := e.Record.(type) {
	case proto.Named:
		n.found, n.named, n.highest = &r, e.Seq, 0
		clear(n.since)
	case proto.Learned:
		n.all[r.Write.ID], n.since[r.Write.ID] = true, true
	case proto.Committed:
		if r.First <= n.last+1 {
			n.last = max(n.last, r.First+uint64(len(r.IDs))-1)
		}
		n.highest = r.First + uint64(len(r.IDs)) - 1
	case proto.Kept:
		if r.Part.Next == "" {
			n.wholeState(&r.Part)
		}
	case proto.Forgot:
		seq := n.seq
		n.disk = newDisk()
		n.seq, n.base = seq, seq
	}
}

// wholeState notes that a state is there to its end: what was saved or damaged before it began
// matters no more.
func (n *server) wholeState(p *proto.Part) {
	n.whole, n.base, n.last, n.all = p, n.named, max(n.highest, p.At.Commit), maps.Clone(n.since)
	if n.harmed < n.named {
		n.harmed = 0
	}
}

// wakes compares what was loaded with what is known to be durable, and takes back what nobody
// has heard of. Of a disk that was emptied or damaged nothing is taken back: it may be on its
// way.
func (d *Database) wakes(n *server, out *machine.Out) {
	before := n.me
	n.me = nil
	forgets := slices.ContainsFunc(out.Save, func(r machine.Data) bool { _, ok := r.(proto.Forgot); return ok })
	switch {
	case n.harmed > 0 && !forgets:
		d.wrong("damage", "record %d of node %d is damaged, and it goes on under its name", n.harmed, n.id)
		return
	case n.harmed > 0 || n.seq == 0 && d.spoke[n.id]:
		n.renamed = n.renamed || before != nil
		n.disk = disk{seq: n.seq, since: n.since}
		return
	}
	if n.found != nil {
		n.name, n.me = n.found.Name, d.names[n.found.Name]
	}
	d.restore(n)
	d.compare(n)
	if before == nil {
		return
	}
	for _, a := range d.authors {
		if a.node == n.id && a.place.Life == before.place.Life && d.names[a.name] == a {
			d.unheard(n, a)
		}
	}
	last := max(n.commit, d.heard)
	if last < uint64(len(d.given)) && d.given[last].by == n.id {
		d.withdraw(last)
	}
}

// restore puts together what the records tell.
func (d *Database) restore(n *server) {
	if n.whole != nil {
		n.commit = n.whole.At.Commit
		for _, a := range d.authors {
			t, _ := covers(n.whole.Sure, a.name)
			n.raise(a, a.upTo(t))
		}
	}
	n.commit = max(n.commit, n.last)
	for _, a := range d.authors {
		count := n.count(a)
		for count < len(a.writes) && n.all[a.writes[count].ID] {
			count++
		}
		n.raise(a, count)
		for _, w := range a.writes[:count] {
			n.clock = max(n.clock, w.ID.Time)
			if w.number == 0 || w.number > n.commit {
				n.tentative = append(n.tentative, w)
			}
		}
		for _, w := range a.writes[count:] {
			if n.all[w.ID] {
				d.wrong("gap", "the disk of node %d has %s, and lacks an earlier one of that server", n.id, w.ID)
			}
		}
	}
	slices.SortFunc(n.tentative, func(v, w *write) int { return v.ID.Compare(w.ID) })
}

// compare checks that what the server has told is on its disk.
func (d *Database) compare(n *server) {
	if n.renamed {
		return
	}
	if n.commit < n.durable.commit {
		d.wrong("saved first", "node %d has told of number %d, and after a restart its disk ends at %d", n.id, n.durable.commit, n.commit)
	}
	for i, count := range n.durable.known {
		if a := d.authors[i]; n.count(a) < count {
			d.wrong("saved first", "node %d has told of %s, and after a restart its disk does not", n.id, a.writes[count-1].ID)
		}
	}
}

// unheard takes back what this server has accepted, under the name that it has or one that it has
// disowned, and lost before anybody heard.
func (d *Database) unheard(n *server, a *author) {
	own := n.count(a)
	if own < a.heard {
		d.wrong("saved first", "others know %d writes of node %d, and after a restart it knows %d of them", a.heard, n.id, own)
		return
	}
	d.forget(a, own)
	if n.me == nil && a.name == vector.Root {
		delete(d.names, vector.Root)
	}
}

// forgot begins anew, on an empty disk.
func (n *server) forgot() {
	n.renamed = n.renamed || n.me != nil
	n.me, n.name, n.known, n.commit, n.tentative, n.clock, n.full = nil, "", nil, 0, nil, 0, nil
	n.said, n.durable = proto.Reach{}, reach{}
	seq := n.seq
	n.disk = newDisk()
	n.seq, n.base = seq, seq
}

// covers returns up to which time a vector says that it knows the writes of a server. A server
// without an entry whose birth is known has retired, and all is known of it ('97, 4.3).
func covers(v vector.Vector, s vector.Server) (t uint64, heard bool) {
	if s == "" {
		return 0, false // the parent of the first
	}
	for _, e := range v {
		if e.Server == s {
			return e.Time, true
		}
	}
	parent, born, ok := s.Parent()
	t, heard = covers(v, parent)
	if ok && heard && born <= t || s == vector.Root && len(v) > 0 {
		return vector.MaxTime, true
	}
	return 0, false
}

// view is the state after all writes that the server knows.
func (d *Database) view(n *server) *plain {
	if n.full == nil {
		n.full, n.shared = d.after(n.commit), true
		for _, w := range n.tentative {
			d.extend(n, w)
		}
	}
	return n.full
}

// extend does one more write in the full view, behind all others.
func (d *Database) extend(n *server, w *write) kv.Fate {
	if n.shared {
		n.full, n.shared = n.full.clone(), false
	}
	return n.full.do(&w.Write, d.programs)
}
