package bayou

import (
	"fmt"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/order"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// Server is one of those that keep a copy of the database. It is a machine.Machine.
type Server struct {
	self     machine.Addr
	cfg      Config
	programs state.Programs

	me        proto.Named // zero until this server has a name
	clock     vector.Clock
	log       order.Log
	state     *state.State
	done      []state.Effect // of the first tentative writes: the others are still to be done
	unsettled bool           // writes have come in, and more of that session are on their way
	ordered   []vector.Stamp // whose the numbers after the last are, from elsewhere; zero: not known yet

	peers []peer // in order of nodes
	met   uint64 // state.Moved, when they were looked for last
	pull  pull   // the session that is under way
	eager bool   // there is news that nobody was told of
	due   machine.Time

	founding machine.Time // since when others are asked for a name; 0: not yet
	denied   []machine.Node
	retired  bool
	left     uint64 // a commit number not before that of the own retirement; 0: it has none yet

	arriving arriving  // a state on its way here
	shipped  []shipped // those on their way to others
	waits    []wait

	life    uint64 // of this process: answers to another's questions are not heard
	records uint64 // saved so far
	kept    int    // bytes of records since the state was saved
	keeping keeping
	loaded  []loaded

	cost     Cost
	flushing bool
	ready    bool
	now      machine.Time
	rand     machine.Dice
	out      *machine.Out
}

// Cost is what putting writes in order has taken.
type Cost struct {
	Done, Undone uint64 // writes, each as often as it was
	Sessions     uint64 // of anti-entropy that brought something
	Transfers    uint64 // of a whole state
}

// peer is another server that this one may speak to.
type peer struct {
	Peer
	seen
}

// seen is what was seen of a peer.
type seen struct {
	reach  proto.Reach  // when it was heard last
	life   uint64       // when it asked last; 0: it never did
	took   machine.Time // its last answer that came in time
	missed int          // answers since then that did not
}

var _ machine.Machine = (*Server)(nil)

// New returns a Server that has not been loaded yet.
func New(self machine.Addr, cfg Config) (*Server, error) {
	if err := cfg.check(self); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	programs := cfg.Programs()
	s := &Server{self: self, cfg: cfg, programs: programs, state: state.New(programs)}
	s.meet()
	return s, nil
}

// Step implements machine.Machine.
func (s *Server) Step(in machine.In, out *machine.Out) {
	s.now, s.rand, s.out = in.Now, machine.Dice(in.Rand), out
	if s.unsettled && !s.goesOn(in.Event) {
		s.settle()
	}
	switch e := in.Event.(type) {
	case machine.Load:
		s.load(e)
	case machine.Ready:
		s.start()
	case machine.Recv:
		s.receive(e.From, e.Msg)
	case machine.Ask:
		s.asked(e.ID, e.Cmd)
	case machine.Cancel:
		s.cancel(e.ID)
	case machine.Link:
		s.link(e)
	}
	s.out = nil
}

// goesOn tells whether an input may go on with what a session brings. The writes of a session are
// put in order when the last of them is there, or anything else happens: so each write that was
// there before is undone once, however many batches there are.
//
// What others ask meanwhile is answered from the order alone, and a tick that finds the session
// alive looks at no more.
func (s *Server) goesOn(e machine.Event) bool {
	recv, _ := e.(machine.Recv)
	switch recv.Msg.(type) {
	case proto.Batch, proto.Flush, proto.Want, proto.Offer:
		return true
	case proto.Tick:
		return s.pull.from != 0 && s.now < s.pull.until
	}
	return false
}

func (s *Server) receive(from machine.Addr, msg machine.Data) {
	if from.Node == s.self.Node {
		s.receiveOwn(from, msg)
		return
	}
	if from.Role != s.self.Role {
		return
	}
	switch m := msg.(type) {
	case proto.Offer:
		s.offered(from, m)
	case proto.Want:
		s.wanted(from, m)
	case proto.Batch:
		s.batch(from, m)
	case proto.Piece:
		s.piece(from, m)
	case proto.Bear:
		s.bear(from, m)
	case proto.Born:
		s.born(from, m)
	}
}

// receiveOwn takes what comes from this node: timers, and the order of writes.
func (s *Server) receiveOwn(from machine.Addr, msg machine.Data) {
	switch m := msg.(type) {
	case proto.Tick:
		if from == s.self {
			s.tick()
		}
	case proto.Flush:
		if from == s.self {
			s.flushed()
		}
	case proto.Saved:
		if from == s.self {
			s.saved(m)
		}
	case proto.Ordered:
		if s.cfg.Order != "" && from.Role == s.cfg.Order {
			s.order(m)
		}
	}
}

// tick looks at everything that has a deadline.
func (s *Server) tick() {
	s.out.Timer(s.self, s.cfg.Tick, proto.Tick{})
	s.dropArriving()
	if !s.named() {
		s.seekName()
		return
	}
	if s.now >= s.due {
		spread := max(s.cfg.Interval/2-s.cfg.Tick, 1) // so that no two are further apart than an Interval
		s.due = s.now + s.cfg.Interval/2 + machine.Time(s.draw()%uint64(spread))
		s.tellOne()
	}
	s.seek()
	s.propose()
	s.endWaits()
	s.dropShipped()
}

// flush sees to it that what has gathered leaves behind the inputs that are there.
func (s *Server) flush() {
	if !s.flushing {
		s.flushing = true
		s.out.Send = append(s.out.Send, machine.Envelope{To: s.self, Early: true, Msg: proto.Flush{}})
	}
}

func (s *Server) flushed() {
	s.flushing = false
	s.tellSome()
	s.propose()
}

// link takes the hint that a connection came up: there may be news at its other end.
func (s *Server) link(e machine.Link) {
	if e.Up && s.ready {
		s.due = min(s.due, s.now)
	}
}

// named tells whether this server has a name, and knows that it was born: before, others
// would not know what to make of its writes.
func (s *Server) named() bool {
	_, state := s.log.Known.Complete(s.me.Name)
	return s.me.Name != "" && state != vector.Unheard
}

func (s *Server) addr(node machine.Node) machine.Addr {
	return machine.Addr{Node: node, Role: s.self.Role}
}

// save appends a record and returns its number.
func (s *Server) save(rec machine.Data) uint64 {
	s.out.Save = append(s.out.Save, rec)
	s.records++
	return s.records
}

func (s *Server) send(to machine.Addr, msg machine.Data) { s.out.SendTo(to, msg) }

// draw returns random bits; several may be drawn in a step.
func (s *Server) draw() uint64 { return s.rand.Roll() }

func (s *Server) note(name, format string, args ...any) {
	s.out.Note = append(s.out.Note, machine.Fact{Name: name, Text: fmt.Sprintf(format, args...)})
}
