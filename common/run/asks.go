package run

import "dss.example/common/machine"

// waiter is a goroutine that waits in Ask.
type waiter struct {
	cmd    machine.Data
	id     uint64        // of the Ask; the owner's
	next   *waiter       // of those who are about to be told; the owner's
	result result        // read after done
	done   chan struct{} // gets one token; of capacity 1: the owner never waits for a waiter
}

type result struct {
	data machine.Data
	err  error
}

// end hands over the result.
func (w *waiter) end(r result) {
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
	last    uint64           // the ID given last
	waiting map[uint64]asker // by ID
	calls   []uint64         // a ring of the last MaxCalls Calls' IDs
	oldest  int              // in the ring, once it is full
}

func (a *asks) next() uint64 {
	a.last++
	return a.last
}

func (a *asks) add(id uint64, who asker) {
	if a.waiting == nil {
		a.waiting = make(map[uint64]asker)
	}
	a.waiting[id] = who
}

// addCall notes a Call from another address. Nobody tells when its sender has
// given up, so the oldest Call makes room: lapsed is its ID if the machine still
// owes an answer to it, else 0.
func (a *asks) addCall(id uint64, who asker) (lapsed uint64) {
	a.add(id, who)
	if len(a.calls) < MaxCalls {
		a.calls = append(a.calls, id)
		return 0
	}
	old := a.calls[a.oldest]
	a.calls[a.oldest] = id
	a.oldest = (a.oldest + 1) % MaxCalls
	if _, ok := a.take(old); ok {
		return old
	}
	return 0
}

// take removes an Ask and returns who waits for it.
func (a *asks) take(id uint64) (asker, bool) {
	who, ok := a.waiting[id]
	delete(a.waiting, id)
	return who, ok
}

// fail ends every Ask with err.
func (a *asks) fail(err error) {
	for _, who := range a.waiting {
		if who.waiter != nil {
			who.waiter.end(result{err: err})
		}
	}
	a.waiting = nil
}
