package pack

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// queue is what has been asked for and is not written yet.
type queue struct {
	ops     []*op
	bytes   int             // of ops
	waiting map[blob.ID]*op // the blobs that are not in a pack yet, also of a leader's ops
	queued  uint64          // ops that ever were
	written uint64          // of queued
	durable uint64          // of written
}

// op is a record to be written.
type op struct {
	kind  segment.Kind // 0: no record, but the next pack begins
	id    blob.ID
	bytes []byte // nobody changes them
	from  place  // of a copy: where the blob was
	at    place  // once written
}

// enqueue adds a record to the queue. If too much waits already it waits too.
func (s *Store) enqueue(o *op) error {
	s.queue.ops = append(s.queue.ops, o)
	s.queue.queued++
	s.queue.bytes += len(o.bytes) + labelSize
	if s.queue.bytes < maxQueued {
		return nil
	}
	return s.reach(s.queue.queued, false)
}

// reach returns when the first target ops are written, and durable if sync is true, or
// the Store is dead. The lock is held at its begin and end, and not meanwhile.
//
// Group commit: one of those who wait is the leader and takes the whole queue; those who
// come while it is at work make up the next one's, and wait for their turn.
//
//ds:todo p2.8
func (s *Store) reach(target uint64, sync bool) error {
	for s.dead == nil && (s.queue.written < target || sync && s.queue.durable < target) {
		if s.leading {
			s.turn.Wait()
		} else {
			s.lead(sync)
		}
	}
	return s.dead
}

// lead writes the queue as it is now, and syncs it or not, without the lock, so that the
// next queue can fill. Then it lets the records count (publish), says how far the queue is
// written and durable, which is never more than it took, and wakes all who wait. An error
// is the Store's end: what is on the disk is unknown, and nothing of it counts.
//
// It lets others go first (Gosched), for the callers that the last leader has released are
// about to put again: without that half of them wait for the other half.
//
//ds:todo p2.8
func (s *Store) lead(sync bool) {
	s.leading = true
	s.mu.Unlock()
	runtime.Gosched()
	s.mu.Lock()
	q := &s.queue
	batch, upTo := q.ops, q.queued
	q.ops, q.bytes = nil, 0
	s.mu.Unlock()
	err := s.write(batch, sync)
	s.mu.Lock()
	if s.leading = false; err != nil {
		s.dead = fmt.Errorf("%w: %w", blob.ErrFailed, err)
	} else {
		for _, o := range batch {
			s.publish(o)
		}
		if q.written = upTo; sync {
			q.durable = upTo
			s.stats.Syncs++
		}
	}
	s.turn.Broadcast()
}

// write appends a batch to the packs, and syncs it or not.
func (s *Store) write(batch []*op, sync bool) error {
	for _, o := range batch {
		if err := s.append(o); err != nil {
			return err
		}
	}
	if sync {
		return s.writer.Sync()
	}
	return s.writer.Flush()
}

// append appends a record, to the next pack if the last one is full.
func (s *Store) append(o *op) error {
	if o.kind == 0 {
		return s.rotate(0)
	}
	size := uint32(len(o.bytes))
	label := appendLabel(make([]byte, 0, labelSize), o.id)
	offset, err := s.writer.Append(o.kind, label, o.bytes)
	if errors.Is(err, segment.ErrFull) {
		if err = s.rotate(recordSize(size)); err == nil {
			offset, err = s.writer.Append(o.kind, label, o.bytes)
		}
	}
	if err != nil {
		return err
	}
	o.at = place{pack: s.number, offset: uint32(offset), size: size}
	r := record{id: o.id, offset: o.at.offset, size: size}
	if o.kind == kindTomb {
		r.state = deleted
	}
	s.contents[r.id] = r
	s.used += recordSize(size)
	return nil
}

// publish lets a record that was written count, unless something newer does.
func (s *Store) publish(o *op) {
	if o.kind == 0 {
		return
	}
	s.stats.Written += recordSize(o.at.size)
	s.packs[o.at.pack].used += recordSize(o.at.size)
	isCopy := o.from != place{}
	e := s.index.find(o.id)
	switch {
	case isCopy && e != nil && e.place == o.from:
		s.leave(e)
		s.settle(e, o.at)
		s.heal(e) // the copy was checked
	case !isCopy && s.queue.waiting[o.id] == o:
		delete(s.queue.waiting, o.id)
		s.settle(e, o.at)
	}
}

// rotate ends the last pack and begins the next one, in which a record of size bytes has
// room. The pack and its index file are durable before there is a next pack.
func (s *Store) rotate(size int64) error {
	if err := s.writer.Sync(); err != nil {
		return err
	}
	s.mu.RLock()
	done := summary{contents: s.contents, used: s.used, lost: s.packs[s.number].lost}
	s.mu.RUnlock()
	if err := s.fs.Replace(s.path(indexName(s.number)), encodeIndex(s.number, done)); err != nil {
		return err
	}
	last := s.writer.Segment() // needs no mark of the Writer's, for the next pack is one
	if err := s.begin(s.number+1, size); err != nil {
		return err
	}
	return last.Close()
}

// begin makes the pack of a number and appends to it from now on.
func (s *Store) begin(number uint32, size int64) error {
	const around = segment.HeaderSize + segment.HeadSize
	name := s.path(packName(number))
	s.mu.RLock()
	packs := len(s.packs)
	s.mu.RUnlock()
	if packs >= MaxPacks || number > maxNumber {
		return fmt.Errorf("%w: %d, and the next is pack %d", ErrPacks, packs, number)
	}
	w, err := segment.Create(s.fs, name, headerOf(number), max(s.options.PackSize, size+around))
	if err != nil {
		return err
	}
	if err := w.Publish(s.fs, name); err != nil {
		return errors.Join(err, w.Close())
	}
	reader, err := segment.Open(s.fs, name, headerOf(number))
	if err != nil {
		return errors.Join(err, w.Close())
	}
	s.writer, s.number, s.contents, s.used = w, number, contents{}, 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs[number] = &pack{segment: reader}
	return nil
}

// flushLoop syncs every so often until the Store is closed. An error stays with the Store.
func (s *Store) flushLoop(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = s.Sync()
		case <-s.stop:
			return
		}
	}
}
