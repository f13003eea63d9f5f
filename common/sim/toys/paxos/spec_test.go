package paxos_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Lamport's specification of single-decree Paxos (module Paxos of the TLA+
// examples: variables maxBal, maxVBal, maxVal, msgs), written down once more as a
// search of its own that shares no line with explore or with the machines: three
// acceptors, two values, ballots 0 to top.
const (
	specAcceptors = 3
	specValues    = 2
	specBallots   = 3 // room for this many
)

type specState struct {
	maxBal, maxVBal, maxVal [specAcceptors]int8 // -1 is none
	msgs                    specSet
}

type specSet [3]uint64

func (s *specSet) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s *specSet) add(i int)      { s[i/64] |= 1 << (i % 64) }

// The numbers of the messages: each possible message has one bit.
func msg1a(b int) int    { return b }
func msg2a(b, v int) int { return specBallots + b*specValues + v }
func msg2b(a, b, v int) int {
	return specBallots*(1+specValues) + (a*specBallots+b)*specValues + v
}

func msg1b(a, b, mbal, mval int) int {
	return specBallots*(1+specValues)*(1+specAcceptors) +
		((a*specBallots+b)*(specBallots+1)+mbal+1)*(specValues+1) + mval + 1
}

// next returns every state that one action leads to.
func (s specState) next(top int) []specState {
	var all []specState
	for b := range top + 1 {
		n := s
		n.msgs.add(msg1a(b))
		all = append(all, n)
		for v := range specValues {
			all = append(all, s.phase2a(b, v)...)
		}
		for a := range specAcceptors {
			all = append(all, s.phase1b(a, b)...)
			all = append(all, s.phase2b(a, b)...)
		}
	}
	return all
}

func (s specState) phase1b(a, b int) []specState {
	if !s.msgs.has(msg1a(b)) || int8(b) <= s.maxBal[a] {
		return nil
	}
	s.maxBal[a] = int8(b)
	s.msgs.add(msg1b(a, b, int(s.maxVBal[a]), int(s.maxVal[a])))
	return []specState{s}
}

func (s specState) phase2b(a, b int) (all []specState) {
	for v := range specValues {
		if n := s; s.msgs.has(msg2a(b, v)) && int8(b) >= s.maxBal[a] {
			n.maxBal[a], n.maxVBal[a], n.maxVal[a] = int8(b), int8(b), int8(v)
			n.msgs.add(msg2b(a, b, v))
			all = append(all, n)
		}
	}
	return all
}

func (s specState) phase2a(b, v int) []specState {
	for w := range specValues {
		if s.msgs.has(msg2a(b, w)) {
			return nil
		}
	}
	for without := range specAcceptors { // a quorum is any two of the three
		if s.showsSafe(without, b, v) {
			s.msgs.add(msg2a(b, v))
			return []specState{s}
		}
	}
	return nil
}

// showsSafe tells whether the 1b messages of the quorum that leaves out one
// acceptor allow value v in ballot b.
func (s *specState) showsSafe(without, b, v int) bool {
	highest, ofV := -1, -1
	for a := range specAcceptors {
		answered := false
		for mbal := -1; mbal < specBallots; mbal++ {
			for mval := -1; mval < specValues; mval++ {
				if a == without || !s.msgs.has(msg1b(a, b, mbal, mval)) {
					continue
				}
				answered = true
				highest = max(highest, mbal)
				if mval == v {
					ofV = max(ofV, mbal)
				}
			}
		}
		if a != without && !answered {
			return false
		}
	}
	return highest == ofV || highest == -1
}

func countSpec(top int) int {
	none := [specAcceptors]int8{-1, -1, -1}
	first := specState{maxBal: none, maxVBal: none, maxVal: none}
	seen := map[specState]bool{first: true}
	for queue := []specState{first}; len(queue) > 0; queue = queue[1:] {
		for _, n := range queue[0].next(top) {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	return len(seen)
}

func TestTheSpecificationHasLamportsNumberOfStates(t *testing.T) {
	require.Equal(t, 3_921, countSpec(1))
	require.Equal(t, 185_369, countSpec(2))
}
