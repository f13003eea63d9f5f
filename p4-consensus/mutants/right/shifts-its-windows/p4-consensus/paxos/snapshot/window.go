package snapshot

import (
	"math/bits"
	"slices"

	"dss.example/p4-consensus/paxos/proto"
)

// WindowSize is how far apart two commands of one life may be that are both under way.
const WindowSize = 4096

// window remembers which commands of a voter's latest life were executed: those up to low,
// and those whose bits are set: the first bit is of the command after low, and so on.
type window struct {
	voter     proto.Voter
	life, low uint64
	bits      [WindowSize / 64]uint64
}

// Windows are those of all voters, as they came. They are part of the replicated state.
type Windows []*window

func (ws Windows) of(v proto.Voter) int {
	return slices.IndexFunc(ws, func(w *window) bool { return w.voter == v })
}

// First tells whether a command is to be executed, and remembers it. One that comes again,
// from an earlier life or from before the window, is not: nobody waits for it.
//
//ds:todo p4.5
func (ws *Windows) First(o proto.Origin) bool {
	i := ws.of(o.Voter)
	if i < 0 {
		i = len(*ws)
		*ws = append(*ws, &window{voter: o.Voter})
	}
	w := (*ws)[i]
	switch {
	case o.Life < w.life:
		return false
	case o.Life > w.life:
		*w = window{voter: o.Voter, life: o.Life}
	}
	return w.take(o.Seq)
}

// Done tells whether a command was executed, or never will be.
//
//ds:todo p4.5
func (ws Windows) Done(o proto.Origin) bool {
	i := ws.of(o.Voter)
	if i < 0 {
		return false
	}
	w := ws[i]
	return o.Life < w.life || o.Life == w.life && (o.Seq <= w.low || o.Seq <= w.low+WindowSize && w.has(o.Seq))
}

// Keep forgets the voters of whom holds is false. Their commands must not be asked for again.
func (ws *Windows) Keep(holds func(proto.Voter) bool) {
	*ws = slices.DeleteFunc(*ws, func(w *window) bool { return !holds(w.voter) })
}

//ds:todo p4.5
func (w *window) take(seq uint64) bool {
	if seq <= w.low {
		return false
	}
	if seq > w.low+WindowSize {
		w.move(seq - WindowSize - w.low)
	}
	if w.has(seq) {
		return false
	}
	at := seq - w.low - 1
	w.bits[at/64] |= 1 << (at % 64)
	for w.bits[0]&1 != 0 {
		w.move(uint64(bits.TrailingZeros64(^w.bits[0])))
	}
	return true
}

// has tells of a command after low and within the window.
func (w *window) has(seq uint64) bool {
	at := seq - w.low - 1
	return w.bits[at/64]&(1<<(at%64)) != 0
}

// move lets the window begin so many commands later.
func (w *window) move(by uint64) {
	w.low += by
	words, rest := by/64, by%64
	for i := range uint64(len(w.bits)) {
		w.bits[i] = w.word(i+words)>>rest | w.word(i+words+1)<<(64-rest)
	}
}

func (w *window) word(i uint64) uint64 {
	if i >= uint64(len(w.bits)) {
		return 0
	}
	return w.bits[i]
}
