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
			all[i].reach = old.reach
		}
	}
	s.peers = all
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
	if m.Database == 0 {
		s.deny(from)
	}
	if !s.ours(from, m.Database) {
		return
	}
	s.hear(from, m.Reach)
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
	if s.pull.from != 0 && s.pull.from != from && s.now < s.pull.until {
		return
	}
	s.pull.from, s.pull.until = from, s.now+2*s.cfg.Tick
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
	if m.Reach.Commit < s.log.Dropped() {
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
	first, saved := s.log.Commit()+1, s.records
	var committed []vector.Stamp
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
	s.settle()
	if news || !m.More { // a copy that comes late goes on with nothing
		s.goOn(from, m.More, len(m.Items) > 0)
	}
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

// goOn asks for what is still to come: of the same server, or of another that has told of more.
func (s *Server) goOn(from machine.Addr, more, brought bool) {
	if brought && s.pull.from == from.Node && !s.pull.began {
		s.pull.began = true
		s.cost.Sessions++
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

// seek begins a session with any server that has told of more than is known here. One that
// has not answered is not asked again before it is heard.
func (s *Server) seek() {
	if s.pull.from != 0 && s.now >= s.pull.until {
		if p := s.peer(s.pull.from); p != nil {
			p.reach = proto.Reach{}
		}
		s.pull = pull{}
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
