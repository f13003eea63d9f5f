package snapshot

import (
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// WindowSize is how far apart two commands of one life may be that are both under way.
const WindowSize = 4096

// window remembers which commands of a node's latest life were executed: those up to low,
// and those whose bits are set among the windowSize after it.
type window struct {
	node      machine.Node
	life, low uint64
	bits      [WindowSize / 64]uint64
}

// Windows are those of all nodes, in their order. They are part of the replicated state.
type Windows []*window

// First tells whether a command is to be executed, and remembers it. One that comes again,
// from an earlier life or from before the window, is not: nobody waits for it.
func (ws *Windows) First(o proto.Origin) bool {
	i, found := slices.BinarySearchFunc(*ws, o.Node, func(w *window, n machine.Node) int { return cmp.Compare(w.node, n) })
	if !found {
		*ws = slices.Insert(*ws, i, &window{node: o.Node})
	}
	w := (*ws)[i]
	switch {
	case o.Life < w.life:
		return false
	case o.Life > w.life:
		*w = window{node: o.Node, life: o.Life}
	}
	return w.take(o.Seq)
}

// Done tells whether a command of a node's latest life was executed, or never will be.
func (ws Windows) Done(o proto.Origin) bool {
	for _, w := range ws {
		if w.node == o.Node {
			return o.Life < w.life || o.Life == w.life && (o.Seq <= w.low || o.Seq <= w.low+WindowSize && w.has(o.Seq))
		}
	}
	return false
}

func (w *window) take(seq uint64) bool {
	if seq <= w.low {
		return false
	}
	for ; seq > w.low+WindowSize; w.low++ {
		w.clear(w.low + 1)
	}
	word, bit := &w.bits[seq/64%uint64(len(w.bits))], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	for w.has(w.low + 1) {
		w.low++
		w.clear(w.low)
	}
	return true
}

func (w *window) has(seq uint64) bool {
	return w.bits[seq/64%uint64(len(w.bits))]&(1<<(seq%64)) != 0
}

func (w *window) clear(seq uint64) { w.bits[seq/64%uint64(len(w.bits))] &^= 1 << (seq % 64) }
