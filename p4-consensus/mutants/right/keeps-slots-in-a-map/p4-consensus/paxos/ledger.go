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
	next  uint64 // the slot after the last one; below first: there is none
	slots map[uint64]*slot
}

// at returns a slot, or nil if nothing stands there.
func (l *ledger) at(n uint64) *slot {
	if n < l.first || n >= l.end() {
		return nil
	}
	return l.make(n)
}

// grow returns a slot, which is made if need be. It must not be before first.
func (l *ledger) grow(n uint64) *slot {
	l.next = max(l.next, n+1)
	return l.make(n)
}

func (l *ledger) make(n uint64) *slot {
	s := l.slots[n]
	if s == nil {
		if l.slots == nil {
			l.slots = map[uint64]*slot{}
		}
		s = new(slot)
		l.slots[n] = s
	}
	return s
}

// end returns the slot after the last one that is there.
func (l *ledger) end() uint64 { return max(l.first, l.next) }

// drop lets go of the slots before n.
func (l *ledger) drop(n uint64) {
	for ; l.first < n && l.first < l.end(); l.first++ {
		delete(l.slots, l.first)
	}
	l.first = max(l.first, n)
}
