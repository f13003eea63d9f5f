package spec

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Config tells a Log what it judges.
type Config struct {
	Role     string          // of the replicas' addresses
	Language *paxos.Language // theirs
	Alpha    uint64          // theirs
	Lease    machine.Time    // theirs; 0: none

	// Refused tells whether an answer says that a command was not executed, or that nobody
	// knows.
	Refused func(answer machine.Data) bool
}

// Log judges one run of a replicated log. It is a sim.Judge.
type Log struct {
	cfg   Config
	err   error
	lost  bool // a disk was emptied
	void  bool // there are two first groups: see forms
	nodes map[machine.Node]*node

	slots   map[uint64]*slot
	disks   map[proto.Voter]*disk
	ballots map[proto.Ballot]*use
	led     proto.Ballot // the highest in which anybody has led

	state
	asked map[command]bool
}

// slot is what is known of a slot.
type slot struct {
	proposals []*proposal
	chosen    *proposal
}

// proposal is a ballot's value for a slot.
type proposal struct {
	ballot proto.Ballot
	id     string // the bytes of value
	value  proto.Value
	cast   []machine.Node // who has saved a vote
	votes  []proto.Voter  // whose vote is durable
}

// disk is what is known to be durable.
type disk struct {
	promised proto.Ballot
	votes    map[uint64]proto.Ballot // the latest, by slot
	lost     bool                    // some of it can be read no more
}

// use is that of a ballot.
type use struct {
	life  int
	heard bool // that it is durable, therefore
}

// command is one that was asked at a node.
type command struct {
	at   machine.Node
	body string
}

var _ sim.Judge = (*Log)(nil)

// New returns a judge for one run.
func New(cfg Config) *Log {
	return &Log{
		cfg: cfg, nodes: map[machine.Node]*node{}, slots: map[uint64]*slot{}, disks: map[proto.Voter]*disk{},
		ballots: map[proto.Ballot]*use{}, asked: map[command]bool{}, state: newState(cfg.Language.New()),
	}
}

// broken is a rule that does not hold.
type broken struct{ rule, text string }

func (b *broken) Error() string { return b.rule + ": " + b.text }

// Rule names it for the simulator.
func (b *broken) Rule() string { return "spec " + b.rule }

// wrong notes that a rule is broken; the first counts.
func (l *Log) wrong(rule, format string, args ...any) {
	if l.err == nil {
		l.err = &broken{rule, fmt.Sprintf(format, args...)}
	}
}

// End implements sim.Judge.
func (l *Log) End(*sim.World) error { return nil }

// Step implements sim.Judge.
func (l *Log) Step(s *sim.Step) error {
	if s.Addr.Role != l.cfg.Role || l.void {
		return nil
	}
	n := l.node(s.Addr.Node, s.Life)
	n.now, n.raised = s.In.Now, false
	switch e := s.In.Event.(type) {
	case machine.Load:
		n.load(e)
	case machine.Ready:
		n.heard = n.now
		l.lost = l.lost || e.Fresh && s.Life > 0
		l.awake(n)
	case machine.Recv:
		l.hears(n, e.From, e.Msg)
	case machine.Ask:
		l.isAsked(n, e)
	case machine.Cancel:
		delete(n.asks, e.ID)
	}
	for _, rec := range s.Out.Save {
		l.saves(n, rec)
	}
	for i := range s.Out.Send {
		l.says(n, &s.Out.Send[i])
	}
	l.due(n, s)
	l.confirm(n)
	for _, a := range s.Out.Reply {
		l.answers(n, a)
	}
	return l.err
}

func (l *Log) node(id machine.Node, life int) *node {
	n := l.nodes[id]
	if n == nil || n.life != life {
		n = newNode(id, life)
		l.nodes[id] = n
	}
	return n
}

func (l *Log) slot(n uint64) *slot {
	s := l.slots[n]
	if s == nil {
		s = new(slot)
		l.slots[n] = s
	}
	return s
}

func (l *Log) disk(v proto.Voter) *disk {
	d := l.disks[v]
	if d == nil {
		d = &disk{votes: map[uint64]proto.Ballot{}}
		l.disks[v] = d
	}
	return d
}

func (d *disk) raise(b proto.Ballot) {
	if d.promised.Less(b) {
		d.promised = b
	}
}

func identity(v proto.Value) string { return string(proto.Learned{Value: v}.AppendTo(nil)) }

func (s *slot) of(b proto.Ballot) *proposal {
	for _, p := range s.proposals {
		if p.ballot == b {
			return p
		}
	}
	return nil
}

// vote counts a vote that is durable: in one ballot, of members of the group that decides
// the slot.
func (l *Log) vote(v proto.Voter, n uint64, b proto.Ballot) {
	s := l.slot(n)
	p := s.of(b)
	if p == nil || !slices.Contains(p.cast, v.Node) {
		return // it goes without saying: the slot was chosen before
	}
	d := l.disk(v)
	d.raise(b)
	if d.votes[n].Less(b) {
		d.votes[n] = b
	}
	g := l.group(n)
	if slices.Contains(p.votes, v) || g == nil {
		return
	}
	p.votes = append(p.votes, v)
	_, q2 := quorums(g)
	if count(g, func(m proto.Voter) bool { return slices.Contains(p.votes, m) }) < q2 {
		return
	}
	switch {
	case s.chosen == nil:
		l.choose(n, s, p)
	case s.chosen.id != p.id:
		l.wrong("R1", "slot %d: ballots %v and %v have chosen two values", n, s.chosen.ballot, b)
	}
}

func (l *Log) choose(n uint64, s *slot, p *proposal) {
	s.chosen = p
	for _, other := range s.proposals {
		if p.ballot.Less(other.ballot) && other.id != p.id {
			l.wrong("C2", "slot %d is chosen in ballot %v, and ballot %v has another value", n, p.ballot, other.ballot)
		}
	}
	for {
		next := l.slots[l.prefix+1]
		if next == nil || next.chosen == nil {
			return
		}
		l.execute(next.chosen.value)
		if err := l.groupsMeet(); err != nil {
			l.wrong("group", "%v", err)
		}
	}
}

// claims checks that all slots up to one are chosen, which a node says that it has executed.
func (l *Log) claims(n *node, commit uint64) {
	l.areChosen(n, commit)
	n.commit = max(n.commit, commit)
}

func (l *Log) areChosen(n *node, commit uint64) {
	if commit > l.prefix {
		l.wrong("R2", "node %d says that all up to slot %d is chosen: that holds up to %d", n.id, commit, l.prefix)
	}
}

// claimsValue checks a value that somebody says was chosen.
func (l *Log) claimsValue(n *node, number uint64, v proto.Value) {
	switch s := l.slot(number); {
	case s.chosen == nil:
		l.wrong("R2", "node %d says that slot %d is chosen, which it is not", n.id, number)
	case s.chosen.id != identity(v):
		l.wrong("R1", "node %d says that slot %d has another value than was chosen in ballot %v", n.id, number, s.chosen.ballot)
	}
}
