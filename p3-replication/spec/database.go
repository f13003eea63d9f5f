package spec

import (
	"fmt"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// Config tells a Database what it judges.
type Config struct {
	Role string // of the servers' addresses

	// Programs makes what runs the programs of writes. What its merge procedures find must
	// fit the bounds of package proto.
	Programs func() state.Programs

	Order string // the role of who gives commit numbers; empty: a primary does
	Audit string // the role of who answers, as a server did, when all have told the same; empty: nobody
}

// Database judges one run of servers. It is a sim.Judge.
type Database struct {
	cfg      Config
	programs state.Programs
	err      error
	nodes    map[machine.Node]*server
	spoke    map[machine.Node]bool // something has arrived that had to wait for its disk

	authors  []*author // everybody who ever had a name
	names    map[vector.Server]*author
	versions map[kv.Version]*write

	given  []given  // by number, from 1
	heard  uint64   // numbers up to this one are known beyond who has given them
	states []*plain // after each number, as far as they were needed
	told   map[uint64]vector.Stamp

	sessions map[string]session // by token
	audited  []*write           // those that there were when the audit began
}

// author is a server under one name: one whose disk is lost goes on as another.
type author struct {
	i       int
	name    vector.Server
	place   proto.Place
	node    machine.Node
	writes  []*write // in order of stamps
	heard   int      // of them, those that others know, or whose accepting server has told of them
	settled int      // of them, those that have commit numbers
	retired bool
}

// write is one that was accepted.
type write struct {
	proto.Write
	bytes  string
	author *author
	n      int    // its place among the author's
	number uint64 // 0: none yet
}

// given is a commit number.
type given struct {
	write *write
	by    machine.Node // 0: somebody else than a server
}

var _ sim.Judge = (*Database)(nil)

// New returns a judge for one run.
func New(cfg Config) *Database {
	return &Database{
		cfg: cfg, programs: cfg.Programs(), nodes: map[machine.Node]*server{}, spoke: map[machine.Node]bool{}, names: map[vector.Server]*author{},
		versions: map[kv.Version]*write{}, states: []*plain{newPlain()}, told: map[uint64]vector.Stamp{}, sessions: map[string]session{},
	}
}

// broken is a rule that does not hold.
type broken struct{ rule, text string }

func (b *broken) Error() string { return b.rule + ": " + b.text }

// Rule names it for the simulator.
func (b *broken) Rule() string { return "spec " + b.rule }

// wrong notes that a rule is broken; the first counts.
func (d *Database) wrong(rule, format string, args ...any) {
	if d.err == nil {
		d.err = &broken{rule, fmt.Sprintf(format, args...)}
	}
}

// Step implements sim.Judge.
func (d *Database) Step(s *sim.Step) error {
	switch {
	case s.Addr.Role == d.cfg.Role:
		d.step(s)
	case d.cfg.Audit != "" && s.Addr.Role == d.cfg.Audit:
		d.audit(s)
	}
	return d.err
}

func (d *Database) step(s *sim.Step) {
	n := d.server(s.Addr.Node, s.Life)
	switch e := s.In.Event.(type) {
	case machine.Load:
		n.load(e)
	case machine.Ready:
		d.wakes(n, s.Out)
	case machine.Recv:
		d.hears(n, e)
	case machine.Ask:
		if req, ok := e.Cmd.(*kv.Request); ok {
			n.asks[e.ID] = req
		}
	case machine.Cancel:
		delete(n.asks, e.ID)
	}
	n.several = len(s.Out.Reply) > 1
	for _, rec := range s.Out.Save {
		d.saves(n, rec, s.In.Event)
	}
	if s.Out.Trim > n.base {
		d.wrong("kept", "node %d lets go of the records before %d, and its last whole state begins at %d", n.id, s.Out.Trim, n.base)
	}
	for i := range s.Out.Send {
		d.says(n, &s.Out.Send[i])
	}
	for _, a := range s.Out.Reply {
		d.answers(n, a)
	}
	n.past = n.past[:0]
}

// End implements sim.Judge: what callers were told was done is not forgotten.
func (d *Database) End(w *sim.World) error {
	for _, x := range w.History() {
		req, asked := x.Cmd.(*kv.Request)
		resp, answered := x.Answer.(*kv.Response)
		if !asked || !answered || updateOf(req.Op) == nil || resp.Status != kv.OK && resp.Status != kv.NotFound {
			continue
		}
		if d.versions[resp.Rev] == nil {
			d.wrong("lost", "the write %s was acknowledged, and is forgotten", resp.Rev)
		}
	}
	return d.err
}

// audit judges what an auditor says: that all servers have told the same, and that all of it
// is stable, with the answer of one of them. When it was asked, some writes had been accepted:
// everybody has these.
func (d *Database) audit(s *sim.Step) {
	if _, asked := s.In.Event.(machine.Ask); asked {
		d.audited = d.audited[:0]
		for _, a := range d.authors {
			d.audited = append(d.audited, a.writes...)
		}
	}
	if len(s.Out.Reply) == 0 {
		return
	}
	number := s.Out.Reply[0].Data.(*kv.Response).Rev.Hi
	for name, place := range d.after(min(number, uint64(len(d.given)))).servers {
		if n := d.nodes[place.Node]; n != nil && n.name == name {
			for _, w := range d.audited {
				d.everywhere(n, w)
			}
		}
	}
}

// everywhere checks that a server has a write, unless nobody has it, and its author's disk
// is lost.
func (d *Database) everywhere(n *server, w *write) {
	a := w.author
	switch {
	case w.n >= len(a.writes) || a.writes[w.n] != w || d.isLost(w):
	case !n.knows(w):
		d.wrong("agree", "all servers tell the same, and node %d has not got %s", n.id, w.ID)
	case w.number == 0 || w.number > n.commit:
		d.wrong("agree", "all servers tell the same, and node %d knows no number of %s", n.id, w.ID)
	}
}

// isLost tells whether a write was on one disk only, which was lost.
func (d *Database) isLost(w *write) bool {
	if n := d.nodes[w.author.node]; n != nil && n.me == w.author {
		return false
	}
	for _, n := range d.nodes {
		if n.knows(w) {
			return false
		}
	}
	return true
}

// after returns the state after a commit number.
func (d *Database) after(number uint64) *plain {
	for n := uint64(len(d.states)); n <= number; n++ {
		next := d.states[n-1].clone()
		next.do(&d.given[n-1].write.Write, d.programs)
		d.states = append(d.states, next)
	}
	return d.states[number]
}

// find returns the write of a stamp, or nil.
func (d *Database) find(id vector.Stamp) *write {
	a := d.names[id.Server]
	if a == nil {
		return nil
	}
	if i := a.upTo(id.Time); i > 0 && a.writes[i-1].ID == id {
		return a.writes[i-1]
	}
	return nil
}

// upTo returns how many of the author's writes have at most that time.
func (a *author) upTo(t uint64) int {
	i := len(a.writes)
	for i > 0 && a.writes[i-1].ID.Time > t {
		i--
	}
	return i
}

// childOf returns the name that a birth makes, but for the first server's, who has it already.
func childOf(w *proto.Write) (child vector.Server, ok bool) {
	child, err := w.Child()
	return child, w.Kind == proto.Birth && err == nil && child != vector.Root
}

// born enters a name.
func (d *Database) born(name vector.Server, place proto.Place) {
	a := &author{i: len(d.authors), name: name, place: place, node: place.Node}
	d.authors, d.names[name] = append(d.authors, a), a
}

// forget takes back the writes of an author beyond the first few: they were lost by a crash
// before anybody heard of them.
func (d *Database) forget(a *author, from int) {
	for _, w := range a.writes[from:] {
		delete(d.versions, version(w.ID))
		if child, ok := childOf(&w.Write); ok {
			delete(d.names, child)
		}
		a.retired = a.retired && w.Kind != proto.Retirement
	}
	a.writes = slices.Clone(a.writes[:from])
}

// withdraw takes back the numbers beyond one, for the same reason.
func (d *Database) withdraw(after uint64) {
	for _, g := range d.given[after:] {
		g.write.number = 0
		g.write.author.settled--
	}
	d.given = d.given[:after]
	d.states = d.states[:min(uint64(len(d.states)), after+1)]
}

// version is the name of a write for clients, as the door of these servers has it.
func version(id vector.Stamp) kv.Version {
	if id.IsZero() {
		return kv.Version{}
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(id.Server) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return kv.Version{Hi: id.Time, Lo: h | 1}
}
