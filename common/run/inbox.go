package run

import (
	"sync"

	"dss.example/common/machine"
)

// item is one input that waits for a Loop: an Ask of waiter if event is nil, the
// end of its wait if event is a Cancel, else a Recv or a Link.
type item struct {
	event  machine.Event
	waiter *waiter
}

// inbox is the bounded queue of a Loop. wake holds a token whenever the loop
// should look: after the first input, after an alarm, after close.
type inbox struct {
	limit int
	wake  chan struct{} // of capacity 1

	mu     sync.Mutex // guards what follows
	items  []item
	closed error // what an input gets that comes too late
}

// put adds an input: ErrOverloaded if the queue is full, or why it is closed. A
// Cancel is always taken: there are no more of them than of Asks.
func (q *inbox) put(it item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	if _, must := it.event.(machine.Cancel); len(q.items) >= q.limit && !must {
		return ErrOverloaded
	}
	q.items = append(q.items, it)
	if len(q.items) == 1 {
		q.nudge()
	}
	return nil
}

// take returns all inputs that wait. The queue goes on in spare's memory.
func (q *inbox) take(spare []item) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = spare
	return items
}

// close makes later inputs fail with err, unless it is closed already.
func (q *inbox) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
	q.nudge()
}

func (q *inbox) open() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed == nil
}

func (q *inbox) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
