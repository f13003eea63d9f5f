package explore

import (
	"iter"

	"dss.example/common/machine"
)

// World is what an invariant may see of one world. It is good until the function
// that it was given to returns; the data in it is shared and must not be changed.
type World struct {
	s  *search
	id uint32
}

// Message is a message that was sent. Msg is decoded by the protocol of the place
// that it goes to, or as it was sent when nobody lives there.
type Message struct {
	From, To machine.Addr
	Msg      machine.Data
}

// Reply is an answer that was given.
type Reply struct {
	By   machine.Addr
	Ask  int // the place in Config.Asks
	Data machine.Data
}

// Sent yields every message that was ever sent, in an order that tells nothing.
// Messages to oneself are not among them.
func (w World) Sent() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for m := range w.s.members(w.set()) {
			if m.ask < 0 && !yield(Message{m.from, m.to, m.data}) {
				return
			}
		}
	}
}

// Answers yields every answer that was ever given to one of Config.Asks.
func (w World) Answers() iter.Seq[Reply] {
	return func(yield func(Reply) bool) {
		for m := range w.s.members(w.set()) {
			if m.ask >= 0 && !yield(Reply{m.from, m.ask, m.data}) {
				return
			}
		}
	}
}

// Saved yields every record that ever became durable at an address, trimmed or
// not, each once, in an order that tells nothing.
func (w World) Saved(at machine.Addr) iter.Seq[machine.Data] {
	return func(yield func(machine.Data) bool) {
		i, ok := w.s.placeOf[at]
		if !ok {
			return
		}
		for _, r := range w.s.locals[w.s.world(w.id)[i]].saved {
			if !yield(w.s.records[r].data) {
				return
			}
		}
	}
}

func (w World) set() uint32 { return w.s.world(w.id)[len(w.s.places)] }
