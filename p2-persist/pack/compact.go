package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

// CompactOptions says which packs are worth it.
type CompactOptions struct {
	// Live is the share of a pack's bytes below which it is compacted: 0.5, say. 1
	// compacts every pack that holds anything dead; 0 only those that hold nothing.
	Live float64

	// Discard compacts packs that are lost or have records damaged beyond recognition
	// too. What may have been in those is then not there, instead of damaged.
	Discard bool

	// Progress, if any, is called after each pack.
	Progress func(CompactStats)
}

// CompactStats tells how far a Compact is.
type CompactStats struct {
	Packs   int   // that were looked at
	Removed int   // of them
	Kept    int   // of them, for they hold blobs that are damaged, or records that may be one
	Copied  int64 // bytes of records
	Freed   int64 // bytes of records in the packs removed
}

// Compact gives back the space of deleted blobs. Puts and reads go on meanwhile. It may be
// stopped, or crash, at any time, and loses nothing; what is left to do is done by the next
// one. Errors: ctx's; those of Put.
func (s *Store) Compact(ctx context.Context, o CompactOptions) (CompactStats, error) {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	var st CompactStats
	worth, err := s.worthwhile(o)
	if err != nil {
		return st, err
	}
	for _, n := range worth {
		if err := ctx.Err(); err != nil {
			return st, err
		}
		if err := s.compact(ctx, n, o, &st); err != nil {
			return st, err
		}
		st.Packs++
		if o.Progress != nil {
			o.Progress(st)
		}
	}
	return st, nil
}

// worthwhile returns the packs to compact, the oldest first. If the last pack is among
// them the next one is begun.
func (s *Store) worthwhile(o CompactOptions) ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reach(s.queue.queued, false); err != nil {
		return nil, err
	}
	last := s.lastPack()
	var worth []uint32
	for n, p := range s.packs {
		if n == last && p.used == 0 && p.lost == 0 {
			continue
		}
		if p.live == 0 || float64(p.live) < o.Live*float64(p.used) {
			worth = append(worth, n)
		}
	}
	slices.Sort(worth)
	if !slices.Contains(worth, last) {
		return worth, nil
	}
	s.queue.ops = append(s.queue.ops, &op{})
	s.queue.queued++
	return worth, s.reach(s.queue.queued, false)
}

// compact copies what lives in one pack, makes that durable, and removes the pack.
func (s *Store) compact(ctx context.Context, n uint32, o CompactOptions, st *CompactStats) error {
	s.mu.RLock()
	p, oldest := s.packs[n], n == slices.Min(slices.Collect(maps.Keys(s.packs)))
	s.mu.RUnlock()
	if (p.segment == nil || p.lost > 0) && !o.Discard {
		st.Kept++
		return nil
	}
	err := s.carryAll(ctx, n, p, oldest, st)
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		return err
	}
	return s.retire(n, p, st)
}

// carryAll copies what counts still in a pack.
func (s *Store) carryAll(ctx context.Context, n uint32, p *pack, oldest bool, st *CompactStats) error {
	if p.segment == nil {
		return s.carryTombs(n)
	}
	_, err := p.segment.Scan(segment.MaxSize, func(r segment.Record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		copied, err := s.carry(n, r, oldest)
		if copied {
			st.Copied += r.Size
		}
		return err
	})
	return err
}

// carryTombs copies the tombstones of a pack that is lost, as its index file knows them.
func (s *Store) carryTombs(n uint32) error {
	sum, err := s.readIndex(n)
	if err != nil && !errors.Is(err, blob.ErrCorrupt) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range sum.contents {
		if r.state != deleted || s.index.find(id) != nil {
			continue
		}
		if err := s.enqueue(&op{kind: kindTomb, id: id}); err != nil {
			return err
		}
	}
	return s.dead
}

// carry copies a record to the end of the queue if it counts still: a blob that is there,
// at this place, or the tombstone of one that an older pack may hold.
func (s *Store) carry(n uint32, r segment.Record, oldest bool) (bool, error) {
	found, ok, err := s.recognise(n, r)
	if !ok || err != nil || found.state == there && found.id.Check(r.Payload[labelSize:]) != nil {
		return false, err
	}
	from := place{pack: n, offset: found.offset, size: found.size}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return false, s.dead
	}
	e := s.index.find(found.id)
	switch {
	case found.state == there && e != nil && e.place == from && !e.damaged:
		b := bytes.Clone(r.Payload[labelSize:])
		return true, s.enqueue(&op{kind: kindBlob, id: found.id, bytes: b, from: from})
	case found.state == deleted && e == nil && !oldest:
		return true, s.enqueue(&op{kind: kindTomb, id: found.id})
	}
	return false, nil
}

// retire removes a pack from which all was copied that could be. The index file goes
// first: an index file without its pack says that the pack was lost.
func (s *Store) retire(n uint32, p *pack, st *CompactStats) error {
	s.mu.Lock()
	if p.live > 0 || s.dead != nil { // somebody's blob did not check
		st.Kept++
		defer s.mu.Unlock()
		return s.dead
	}
	delete(s.packs, n)
	st.Removed++
	st.Freed += p.used
	s.mu.Unlock()
	for _, name := range []string{indexName(n), packName(n)} {
		err := s.fs.Remove(s.path(name))
		if err == nil || errors.Is(err, disk.NotFound) { // of a lost pack one of them is
			err = s.fs.SyncDir(s.dir)
		}
		if err != nil {
			return s.fail(errors.Join(err, p.close()))
		}
	}
	return p.close()
}

// fail ends the Store: nobody knows what is on the disk.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.dead = fmt.Errorf("%w: %w", blob.ErrFailed, err)
	}
	s.turn.Broadcast()
	return s.dead
}
