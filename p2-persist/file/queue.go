package file

import (
	"fmt"
	"sync"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
)

// MaxWorkers bounds the goroutines of one Writer.
const MaxWorkers = 16

// queue puts chunks, several at a time, and hands them on in their order. Whoever calls
// add, drain and close owns it.
//
//	add → [slot] [slot] [slot] [slot] → tree
//	          \workers put/
//
// A full queue makes add wait for the oldest chunk.
type queue struct {
	store   blob.Store
	workers int
	slots   []slot // a ring: count of them are in use, from first on
	first   int
	count   int
	jobs    chan *slot     // nil while no worker runs
	running sync.WaitGroup // the workers
}

// slot is the place of one chunk that is not yet in the tree.
type slot struct {
	part  Part
	err   error
	bytes []byte        // the chunk, copied for the worker
	busy  bool          // a worker has it, or will have
	done  chan struct{} // has room for the one word that the worker says when it is done
}

func newQueue(store blob.Store, workers int) queue {
	workers = max(0, min(workers, MaxWorkers))
	return queue{store: store, workers: workers, slots: make([]slot, max(1, 2*workers))}
}

// add takes a chunk into the queue, and the oldest out of it if it is full. The first
// chunk of a file is put at once: most files have no other, and need no workers.
func (q *queue) add(c chunk.Chunk, t *tree) error {
	if q.count == len(q.slots) {
		if err := q.take(t); err != nil {
			return err
		}
	}
	s := &q.slots[(q.first+q.count)%len(q.slots)]
	q.count++
	s.part, s.err = Part{Size: int64(len(c.Data))}, nil
	switch {
	case allZero(c.Data): // a hole
	case c.Offset == 0 || q.workers == 0:
		s.put(q.store, c.Data)
	default:
		q.start()
		s.bytes = append(s.bytes[:0], c.Data...)
		s.busy = true
		q.jobs <- s
	}
	return nil
}

// take moves the oldest chunk from the queue into the tree, as soon as it is stored.
func (q *queue) take(t *tree) error {
	s := &q.slots[q.first]
	q.first = (q.first + 1) % len(q.slots)
	q.count--
	if s.busy {
		<-s.done
		s.busy = false
	}
	if s.err != nil {
		return fmt.Errorf("put a chunk: %w", s.err)
	}
	return t.add(1, s.part)
}

// drain moves all chunks into the tree.
func (q *queue) drain(t *tree) error {
	for q.count > 0 {
		if err := q.take(t); err != nil {
			return err
		}
	}
	return nil
}

// start lets the workers run. There is room for every slot in jobs, so nobody ever
// waits to hand one over.
func (q *queue) start() {
	if q.jobs != nil {
		return
	}
	q.jobs = make(chan *slot, len(q.slots))
	for i := range q.slots {
		q.slots[i].done = make(chan struct{}, 1)
	}
	for range q.workers {
		jobs := q.jobs
		q.running.Go(func() {
			for s := range jobs {
				s.put(q.store, s.bytes)
				s.done <- struct{}{}
			}
		})
	}
}

// close waits for the workers to end, and forgets what is still in the queue.
func (q *queue) close() {
	if q.jobs != nil {
		close(q.jobs)
		q.running.Wait()
		q.jobs = nil
	}
	for i := range q.slots {
		q.slots[i].busy = false
	}
	q.first, q.count = 0, 0
}

func (s *slot) put(store blob.Store, b []byte) {
	s.part.Link, s.err = store.Put(blob.Raw, b)
}

// allZero looks at one byte of most chunks.
func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
