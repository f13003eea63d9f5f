package wire

import (
	"runtime"
	"sync"
)

// sendHighWater is how many bytes may wait in a client's queue before a call has
// to wait itself.
const sendHighWater = 256 << 10

// sendQueue collects frames for one writing goroutine, so that whoever adds one
// never waits for the network, and all that were added meanwhile leave in one
// write. Its mutex may guard more of its owner's.
type sendQueue struct {
	sync.Mutex
	buf   []byte // guarded: frames that were not taken yet
	spare []byte // guarded: the memory of the last write
	awake bool   // guarded: someone writes, or is about to; only who sets it may
	wake  chan struct{}
}

func newSendQueue() *sendQueue { return &sendQueue{wake: make(chan struct{}, 1)} }

// unlockAndWake unlocks after something was added to buf.
func (q *sendQueue) unlockAndWake() {
	asleep := !q.awake
	q.awake = true
	q.Unlock()
	if asleep {
		q.nudge()
	}
}

// nudge wakes the writing goroutine, which from then on is the one who writes. A
// token that it did not take yet will do.
func (q *sendQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run writes what is added until a write fails, and returns the error, or until
// done is closed, and returns nil. It calls took, with the mutex held, each time it has taken buf.
// From rest comes what another could not write; it may be nil.
func (q *sendQueue) run(to *writer, rest <-chan []byte, done <-chan struct{}, took func()) error {
	for {
		var batch []byte
		select {
		case <-q.wake:
			runtime.Gosched() // let all who are about to add do so
			batch = q.take(took)
		case batch = <-rest:
		case <-done:
			return nil
		}
		for ; batch != nil; batch = q.take(took) {
			if err := to.write(batch); err != nil {
				return err
			}
			q.Lock()
			q.recycle(batch)
			q.Unlock()
		}
	}
}

// take returns what there is to write; nil puts the writing goroutine to sleep.
func (q *sendQueue) take(took func()) []byte {
	q.Lock()
	defer q.Unlock()
	if len(q.buf) == 0 {
		q.awake = false
		return nil
	}
	return q.takeLocked(took)
}

func (q *sendQueue) takeLocked(took func()) []byte {
	batch := q.buf
	q.buf, q.spare = q.spare[:0], nil
	took()
	return batch
}

// recycle keeps the memory of what was written. The mutex is held.
func (q *sendQueue) recycle(batch []byte) {
	if cap(batch) <= 2*sendHighWater {
		q.spare = batch
	}
}
