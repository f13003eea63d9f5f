package paxos

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// vote is a value in a ballot, as an acceptor keeps it.
type vote struct {
	ballot proto.Ballot
	value  proto.Value
}

// slot is one place of the log at one replica.
type slot struct {
	vote          // the latest of this replica; ballot zero: none
	chosen bool   // value is what the group has chosen, whoever voted for it
	record uint64 // the number of the record that keeps it

	// The leader's, in its present ballot.
	bound vote          // the highest vote that a promise told of; ballot zero: none
	acks  []proto.Voter // who voted for value
	sent  machine.Time
}

func (s *slot) known() bool { return s.chosen || !s.ballot.IsZero() }

// ledger holds the slots from first on.
type ledger struct {
	first uint64
	list  []slot
}

// at returns a slot, or nil if nothing stands there.
func (l *ledger) at(n uint64) *slot {
	if n < l.first || n-l.first >= uint64(len(l.list)) {
		return nil
	}
	return &l.list[n-l.first]
}

// grow returns a slot, which is made if need be. It must not be before first.
func (l *ledger) grow(n uint64) *slot {
	for n-l.first >= uint64(len(l.list)) {
		l.list = append(l.list, slot{})
	}
	return &l.list[n-l.first]
}

// end returns the slot after the last one that is there.
func (l *ledger) end() uint64 { return l.first + uint64(len(l.list)) }

// drop lets go of the slots before n.
func (l *ledger) drop(n uint64) {
	if n <= l.first {
		return
	}
	if n >= l.end() {
		*l = ledger{first: n}
		return
	}
	rest := l.list[n-l.first:]
	if len(rest) < cap(l.list)/2 {
		l.list = append(make([]slot, 0, 2*len(rest)), rest...)
	} else {
		kept := copy(l.list, rest)
		clear(l.list[kept:])
		l.list = l.list[:kept]
	}
	l.first = n
}
