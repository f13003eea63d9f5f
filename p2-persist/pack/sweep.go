package pack

import (
	"context"
	"fmt"

	"dss.example/common/blob"
)

// Mark is a moment in the life of one open Store: see Store.Mark.
type Mark struct {
	store *Store
	epoch uint32
}

// Mark begins a collection: a collector takes a mark, then finds out what is needed, from
// the heads and from what it still hears of, then sweeps. No blob is swept that is put
// after the mark, also if it was there already, for who put it may not have told anybody.
// The mark is worth nothing when the Store is closed. Errors: ErrMark after 2^32-1 marks.
func (s *Store) Mark() (Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead != nil:
		return Mark{}, s.dead
	case s.epoch == 1<<32-1:
		return Mark{}, fmt.Errorf("%w: none is left", ErrMark)
	}
	s.epoch++
	return Mark{store: s, epoch: s.epoch}, nil
}

// Touch protects blobs as a Put of them would: for who is about to point at blobs that it
// has not put. At most MaxBatch. Errors: blob.ErrNotFound if one is not there.
func (s *Store) Touch(ids []blob.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takes(ids); err != nil {
		return err
	}
	for _, id := range ids {
		e := s.index.find(id)
		if e == nil {
			return s.missing(id)
		}
		e.touched = s.epoch
	}
	return nil
}

// SweepOptions says how careful a Sweep is.
type SweepOptions struct {
	DryRun bool // count only

	// Grace is how many earlier marks a blob must have been left alone for: with 1,
	// only what was not put since the mark before this one is swept, and so on. What
	// was there at Open counts as put then. It is for those who put a blob, and hold
	// it for long before they point a head at it.
	Grace uint32

	// After is where to go on: the Last of the Sweep that was stopped.
	After blob.ID

	// Progress, if any, is called after each batch.
	Progress func(SweepStats)
}

// SweepStats tells how far a Sweep is.
type SweepStats struct {
	Seen  int     // blobs that were looked at
	Young int     // of them, spared because they were put too lately to ask
	Swept int     // of them, deleted
	Bytes int64   // of those
	Last  blob.ID // all up to it were looked at
}

// Sweep deletes every blob that was not put since the mark and that live, which is called
// without any lock, says nobody needs. The deletes are durable when it returns nil. It may
// be stopped at any time. Errors: ctx's; ErrMark; those of Delete.
func (s *Store) Sweep(ctx context.Context, m Mark, live func(blob.ID) bool, o SweepOptions) (SweepStats, error) {
	st := SweepStats{Last: o.After}
	if m.store != s {
		return st, ErrMark
	}
	for {
		if err := ctx.Err(); err != nil {
			return st, err
		}
		old, more, err := s.oldAfter(m.epoch, o.Grace, &st)
		if err != nil {
			return st, err
		}
		for _, id := range old {
			if live(id) {
				continue
			}
			if err := s.sweep(id, m.epoch, o, &st); err != nil {
				return st, err
			}
		}
		if o.Progress != nil {
			o.Progress(st)
		}
		if !more {
			break
		}
	}
	if o.DryRun {
		return st, nil
	}
	return st, s.Sync()
}

// oldAfter returns those of the next MaxBatch blobs that a sweep may take, and whether
// there are more behind them.
func (s *Store) oldAfter(epoch, grace uint32, st *SweepStats) (old []blob.ID, more bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.dead != nil {
		return nil, false, s.dead
	}
	seen := 0
	s.index.from(st.Last, func(id blob.ID, e *entry) bool {
		st.Last = id
		if e.isOld(epoch, grace) {
			old = append(old, id)
		} else {
			st.Young++
		}
		seen++
		return seen < blob.MaxBatch
	})
	st.Seen += seen
	return old, seen == blob.MaxBatch, nil
}

// isOld tells whether a blob was last put before the mark of epoch, and before as many
// marks as grace more.
func (e *entry) isOld(epoch, grace uint32) bool {
	return uint64(e.touched)+uint64(grace) < uint64(epoch)
}

// sweep deletes a blob if it is old still: it may have been put since it was looked at.
func (s *Store) sweep(id blob.ID, epoch uint32, o SweepOptions, st *SweepStats) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.index.find(id)
	switch {
	case s.dead != nil:
		return s.dead
	case e == nil:
		return nil
	case !e.isOld(epoch, o.Grace):
		st.Young++
		return nil
	}
	st.Swept++
	st.Bytes += int64(e.place.size)
	if o.DryRun {
		return nil
	}
	return s.bury(id)
}
