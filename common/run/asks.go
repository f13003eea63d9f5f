package run

import (
	"dss.example/common/machine"
	"dss.example/common/machine/pending"
)

// waiter is a goroutine that waits in Ask, or what is to be told after a Submit.
type waiter struct {
	cmd    machine.Data
	then   func(machine.Data, error) // nil: a goroutine waits
	id     uint64                    // of the Ask; the owner's
	next   *waiter                   // of those who are about to be told; the owner's
	result result                    // read after done
	done   chan struct{}             // gets one token; of capacity 1: the owner never waits for a waiter
}

type result struct {
	data machine.Data
	err  error
}

// end hands over the result.
func (w *waiter) end(r result) {
	if w.then != nil {
		w.then(r.data, r.err)
		return
	}
	w.result = r
	w.done <- struct{}{}
}

func newWaiter() any { return &waiter{done: make(chan struct{}, 1)} }

// asker is who gets an answer: a waiter here, or the sender of a Call.
type asker struct {
	waiter *waiter
	from   machine.Addr // if waiter is nil
	call   uint64       // the Call's ID at from
}

// asks are the Asks that the machine has not answered.
type asks struct {
	last    uint64 // the ID given last
	waiting pending.Table[asker]
	calls   []uint64 // a ring of the last MaxCalls Calls' IDs
	oldest  int      // in the ring, once it is full
}

func (a *asks) next() uint64 {
	a.last++
	return a.last
}

// addCall notes a Call from another address. Nobody tells when its sender has
// given up, so the oldest Call makes room: lapsed is its ID if the machine still
// owes an answer to it, else 0.
func (a *asks) addCall(id uint64, who asker) (lapsed uint64) {
	a.waiting.Put(id, who)
	if len(a.calls) < MaxCalls {
		a.calls = append(a.calls, id)
		return 0
	}
	old := a.calls[a.oldest]
	a.calls[a.oldest] = id
	a.oldest = (a.oldest + 1) % MaxCalls
	if _, ok := a.waiting.Take(old); ok {
		return old
	}
	return 0
}

// fail ends every Ask with err.
func (a *asks) fail(err error) {
	for _, id := range a.waiting.Numbers() {
		if who, _ := a.waiting.Take(id); who.waiter != nil {
			who.waiter.end(result{err: err})
		}
	}
}
