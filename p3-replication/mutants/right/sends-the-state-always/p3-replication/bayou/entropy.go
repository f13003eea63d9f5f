package bayou

import (
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// pull is the anti-entropy session in which this server asks. One at a time: two would bring
// the same.
type pull struct {
	from  machine.Node // 0: none
	asked machine.Time // for the last time
	until machine.Time // when an answer is no longer waited for
	began bool         // it has brought something
}

// meet makes the peers those of the Config and those that were born, as all writes tell that
// are known.
func (s *Server) meet() {
	var all []peer
	add := func(p Peer) {
		at, ok := slices.BinarySearchFunc(all, p.Node, func(q peer, n machine.Node) int { return cmp.Compare(q.Node, n) })
		if p.Node != s.self.Node && !ok { // a Config is newer than a birth
			all = slices.Insert(all, at, peer{Peer: p})
		}
	}
	for _, p := range s.cfg.Peers {
		add(p)
	}
	for server := range s.state.Servers(state.Full) {
		add(Peer{Node: server.Place.Node, Addr: server.Place.Addr})
	}
	for i := range all {
		if old := s.peer(all[i].Node); old != nil {
			all[i].seen = old.seen
		}
	}
	s.peers, s.met = all, s.state.Moved()
}

func (s *Server) peer(node machine.Node) *peer {
	for i := range s.peers {
		if s.peers[i].Node == node {
			return &s.peers[i]
		}
	}
	return nil
}

// hear notes how far another server has come.
func (s *Server) hear(from machine.Addr, reach proto.Reach) {
	if p := s.peer(from.Node); p != nil {
		p.reach = reach
	}
}

// ours tells whether a message concerns this server's database, and says so if not.
func (s *Server) ours(from machine.Addr, database uint64) bool {
	if database == s.me.Database {
		return s.named() || s.me.Name != ""
	}
	if database != 0 && s.me.Database != 0 && !s.named() { // it was only promised a place in the other
		s.begin()
	} else if database != 0 && s.me.Database != 0 {
		s.note("stranger", "node %d belongs to another database: it must start again on an empty disk to belong to this one", from.Node)
	}
	return false
}

func (s *Server) offer(to machine.Node) {
	s.send(s.addr(to), proto.Offer{Database: s.me.Database, Reach: s.log.Reach()})
}

// tellOne offers to one peer what there is: whatever was lost, sooner or later each hears of
// everything.
func (s *Server) tellOne() {
	if len(s.peers) == 0 {
		return
	}
	nodes := make([]machine.Node, len(s.peers))
	for i, p := range s.peers {
		nodes[i] = p.Node
	}
	if s.cfg.Partner != nil {
		s.offer(s.cfg.Partner(s.draw(), nodes))
		return
	}
	s.offer(nodes[s.draw()%uint64(len(nodes))])
}

// tellSome offers news to as many peers as are told at once.
func (s *Server) tellSome() {
	if !s.eager || !s.named() {
		return
	}
	s.eager = false
	if s.cfg.Eager <= 0 || len(s.peers) == 0 {
		return
	}
	first := int(s.draw() % uint64(len(s.peers)))
	for i := range min(s.cfg.Eager, len(s.peers)) {
		s.offer(s.peers[(first+i)%len(s.peers)].Node)
	}
}

// offered asks a peer that knows something for it.
func (s *Server) offered(from machine.Addr, m proto.Offer) {
	switch {
	case m.Database == 0:
		s.deny(from)
	case s.me.Name == "" && s.peer(from.Node) == nil: // it knows of this one: of its own peers none may be left
		s.send(from, proto.Bear{Place: s.me.Place})
	}
	if !s.ours(from, m.Database) {
		return
	}
	s.hear(from, m.Reach)
	retired := s.peer(from.Node) == nil // and nobody else would tell it so
	if !s.log.Ahead(&m.Reach) && (s.log.Behind(&m.Reach) || retired) {
		s.offer(from.Node) // one that was told in vain hears of it when it speaks
	}
	s.catchUp(from, &m.Reach)
}

// catchUp begins a session with a server that knows something, unless one is under way: of two
// that ask each other for much, each answer would beget two.
func (s *Server) catchUp(from machine.Addr, reach *proto.Reach) {
	if s.log.Ahead(reach) && (s.pull.from == 0 || s.now >= s.pull.until) {
		s.want(from.Node)
	}
}

// want begins a session, or goes on with it.
func (s *Server) want(from machine.Node) {
	if s.pull.from != 0 && s.pull.from != from && s.now < s.pull.until || s.arriving.state != nil {
		return
	}
	s.dropArriving()
	s.pull.from, s.pull.asked, s.pull.until = from, s.now, s.now+s.patience(from)
	s.send(s.addr(from), proto.Want{
		Database: s.me.Database, Life: s.life, Reach: s.log.Reach(), State: s.arriving.cursor(from),
	})
}

// wanted answers with what is beyond the reach of who asks.
func (s *Server) wanted(from machine.Addr, m proto.Want) {
	if !s.ours(from, m.Database) || !s.named() {
		return
	}
	s.hear(from, m.Reach)
	if m.Reach.Commit < s.log.Dropped() || s.lacksSure(&m.Reach) {
		s.ship(from, m)
		return
	}
	items, more := s.log.Beyond(&m.Reach, s.cfg.Batch)
	s.send(from, proto.Batch{Database: s.me.Database, Life: m.Life, Items: items, More: more, Reach: s.log.Reach()})
	s.catchUp(from, &m.Reach)
}

// batch takes in what a session brings. It was asked for when less was known than now, so
// what it skips is known: no gap comes of it, however late it is.
func (s *Server) batch(from machine.Addr, m proto.Batch) {
	if !s.ours(from, m.Database) || m.Life != s.life {
		return
	}
	s.hear(from, m.Reach)
	s.answered(from)
	first, saved := s.log.Commit()+1, s.records
	committed := make([]vector.Stamp, 0, numbers(m.Items))
	for i := range m.Items {
		it := &m.Items[i]
		if it.Commit > s.log.Commit()+1 {
			break
		}
		if it.Commit > 0 && it.Commit <= s.log.Commit() {
			continue
		}
		if it.Write != nil && !s.log.Known.Knows(it.ID) {
			if !s.follows(it.Write) {
				s.note("violated", "%s of node %d: its server was not born, or one too many", it.ID, from.Node)
				break
			}
			if it.Commit == s.log.Commit()+1 {
				s.learnCommitted(it.Write)
				committed = append(committed, it.ID)
				continue
			}
			s.learn(it.Write)
		}
		if it.Commit > 0 {
			if !s.commit(it.ID) {
				s.note("violated", "number %d is given to %s, of which node %d thinks that it is known here", it.Commit, it.ID, from.Node)
				break
			}
			committed = append(committed, it.ID)
		}
	}
	s.ordered = s.ordered[min(len(committed), len(s.ordered)):]
	s.saveCommitted(first, committed)
	news := s.records > saved
	if s.unsettled = news && m.More && !s.isPrimary(); s.unsettled {
		s.flush() // of the news
	} else {
		s.settle()
	}
	if news || !m.More { // a copy that comes late goes on with nothing
		s.goOn(from, m.More, len(m.Items) > 0)
	}
}

// lacksSure tells whether one whose reach this is does not know a committed write that is not
// dropped.
func (s *Server) lacksSure(reach *proto.Reach) bool {
	for n := reach.Commit + 1; n <= s.log.Commit(); n++ {
		if !reach.Known.Knows(s.log.Committed(n).ID) {
			return true
		}
	}
	return false
}

// numbers returns how many commit numbers a batch brings: they come first.
func numbers(items []proto.Item) int {
	for i := range items {
		if items[i].Commit == 0 {
			return i
		}
	}
	return len(items)
}

// follows tells whether a write may come next: its server was born, by one that is known, and
// the vectors of servers stay ones that others read.
func (s *Server) follows(w *proto.Write) bool {
	_, known := s.log.Known.Complete(w.ID.Server)
	return (known != vector.Unheard || w.ID.Server == vector.Root) && (w.Kind != proto.Birth || len(s.log.Known) < vector.MaxServers)
}

// learn takes in a write from another server.
func (s *Server) learn(w *proto.Write) {
	s.insert(w)
	s.kept += w.Size()
	s.save(proto.Learned{Write: *w})
}

// learnCommitted takes in a write from another server that has the next commit number already: it comes
// behind the committed ones, and never was among the tentative ones here.
func (s *Server) learnCommitted(w *proto.Write) {
	s.unwind(0)
	s.state.DoSure(w)
	s.cost.Done++
	s.log.Append(w)
	s.clock.Witness(w.ID.Time)
	s.eager = true
	s.kept += w.Size()
	s.save(proto.Learned{Write: *w})
}

// goOn asks for what is still to come: of the same server, or of another that has told of more.
func (s *Server) goOn(from machine.Addr, more, brought bool) {
	if brought {
		s.brought(from)
	}
	if more {
		s.want(from.Node)
		return
	}
	if s.pull.from == from.Node {
		s.pull = pull{}
	}
	s.seek()
}

// brought counts the session that is under way, if it is with that server, as one that brought
// something.
func (s *Server) brought(from machine.Addr) {
	if s.pull.from == from.Node && !s.pull.began {
		s.pull.began = true
		s.cost.Sessions++
	}
}

// seek begins a session with any server that has told of more than is known here. One that
// has not answered is not asked again before it is heard.
func (s *Server) seek() {
	if s.pull.from != 0 && s.now >= s.pull.until {
		s.giveUp(s.pull.from)
	}
	if s.pull.from != 0 || len(s.peers) == 0 {
		return
	}
	first := int(s.draw() % uint64(len(s.peers)))
	for i := range s.peers {
		if p := &s.peers[(first+i)%len(s.peers)]; s.log.Ahead(&p.reach) {
			s.want(p.Node)
			return
		}
	}
}

// giveUp ends a session with a server that does not answer, or not as it should: it is not asked
// again before it is heard, and has more time then.
func (s *Server) giveUp(node machine.Node) {
	if p := s.peer(node); p != nil {
		p.reach = proto.Reach{}
		p.missed++
	}
	if s.pull.from == node {
		s.pull = pull{}
	}
}

// answered notes how long a server took to answer, if it was in time.
func (s *Server) answered(from machine.Addr) {
	if p := s.peer(from.Node); p != nil && s.pull.from == from.Node {
		p.took, p.missed = s.now-s.pull.asked, 0
	}
}

const (
	leastPatience = 2  // ticks
	mostPatience  = 50 // ticks: less than a state is held for who asks for it
)

// patience is how long an answer of a server is waited for: three times as long as the last one
// took, and twice as long after each that did not come.
func (s *Server) patience(node machine.Node) machine.Time {
	least, most := leastPatience*s.cfg.Tick, mostPatience*s.cfg.Tick
	p := s.peer(node)
	if p == nil {
		return least
	}
	return min(min(max(least, 3*p.took), most)<<min(p.missed, 5), most)
}
