package spec

import (
	"fmt"

	"dss.example/common/app"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// state is what the chosen values come to: one more replica, that needs no messages.
type state struct {
	prefix  uint64 // all slots up to it are chosen, and executed here
	clock   machine.Time
	service paxos.Service
	reigns  []proto.Reign // all that ever were

	done    map[proto.Origin]bool
	bodies  map[proto.Origin]string
	lives   map[proto.Voter]uint64
	results map[command][]result
	expiry  map[string]bool // what the service has wanted by itself
	views   map[uint64]app.View
	sums    map[uint64]string // of snapshots
	acked   uint64            // the last slot of which a caller was told
}

// result is what a command came to.
type result struct {
	slot   uint64
	answer string
}

func newState(s paxos.Service) state {
	return state{
		service: s, done: map[proto.Origin]bool{}, bodies: map[proto.Origin]string{}, lives: map[proto.Voter]uint64{},
		results: map[command][]result{}, expiry: map[string]bool{}, views: map[uint64]app.View{}, sums: map[uint64]string{},
	}
}

// execute does what is chosen for the next slot.
func (l *Log) execute(v proto.Value) {
	l.prefix++
	l.clock = max(l.clock, v.Time)
	for i := range v.Entries {
		e := &v.Entries[i]
		if o := e.Origin; o.Node != 0 {
			if l.done[o] || o.Life < l.lives[o.Voter] || !l.counts(o.Voter) {
				continue
			}
			l.done[o], l.lives[o.Voter] = true, o.Life
		}
		if e.Kind == proto.EntryGroup {
			l.regroup(e.Body)
			continue
		}
		cmd, err := l.cfg.Language.Command(e.Body)
		if err != nil {
			continue
		}
		answer := l.service.Apply(proto.Position(l.prefix, i), l.clock, cmd)
		c := command{e.Origin.Node, string(e.Body)}
		l.results[c] = append(l.results[c], result{l.prefix, string(answer.AppendTo(nil))})
	}
	if _, body, ok := l.service.Due(); ok {
		l.expiry[string(body)] = true
	}
	l.views[l.prefix] = l.service.View()
}

// regroup executes a change of the group: it counts Alpha slots later.
func (l *Log) regroup(body []byte) {
	r := proto.NewReader(body)
	g := r.Group()
	last := &l.reigns[len(l.reigns)-1]
	if r.Close() == nil && g.Version == last.Group.Version+1 && last.From <= l.prefix {
		l.reigns = append(l.reigns, proto.Reign{From: l.prefix + l.cfg.Alpha, Group: g})
	}
}

// group returns the group that decides a slot, or nil if nobody can know it yet.
func (s *state) group(n uint64) *proto.Group {
	for i := len(s.reigns) - 1; i >= 0; i-- {
		if r := &s.reigns[i]; r.From <= n {
			return &r.Group
		}
	}
	return nil
}

// counts tells whether a voter is a member of a group that decides a slot from prefix on.
func (s *state) counts(v proto.Voter) bool {
	for i := len(s.reigns) - 1; i >= 0; i-- {
		if r := &s.reigns[i]; count(&r.Group, func(m proto.Voter) bool { return m == v }) > 0 {
			return true
		} else if r.From <= s.prefix {
			return false
		}
	}
	return false
}

func count(g *proto.Group, holds func(proto.Voter) bool) (n int) {
	for _, m := range g.Members {
		if holds(m.Voter) {
			n++
		}
	}
	return n
}

// quorums returns how many members make a leader, and how many choose a value.
func quorums(g *proto.Group) (q1, q2 int) {
	if q1, q2 = g.Quorum1, g.Quorum2; q1 == 0 {
		q1 = len(g.Members)/2 + 1
	}
	if q2 == 0 {
		q2 = len(g.Members)/2 + 1
	}
	return q1, q2
}

// groupsMeet tells whether any quorum that leads meets any that chooses, in the newest group.
func (s *state) groupsMeet() error {
	g := &s.reigns[len(s.reigns)-1].Group
	if q1, q2 := quorums(g); q1+q2 <= len(g.Members) {
		return fmt.Errorf("quorums of %d and %d among %d members need not meet", q1, q2, len(g.Members))
	}
	return nil
}
