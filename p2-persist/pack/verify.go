package pack

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// VerifyOptions says how a Verify goes about it.
type VerifyOptions struct {
	Rate     int64             // bytes a second, about; 0: as fast as it can
	Progress func(VerifyStats) // if any, is called after each pack
}

// VerifyStats tells how far a Verify is.
type VerifyStats struct {
	Blobs   int
	Bytes   int64
	Damaged []blob.ID // at most MaxBatch of them, in the order in which they were found
	More    int       // damaged blobs beyond those
	Lost    uint64    // records damaged beyond recognition, of which Open has told
}

// Verify reads every blob that is there and hashes it, pack by pack. What is damaged is
// then known to be, so that a Put stores it anew. Puts and reads go on meanwhile; a blob
// that is put or moved meanwhile may be left out. Errors: ctx's; the disk's;
// blob.ErrFailed and ErrClosed. Damage is none.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyStats, error) {
	v := verifier{ctx: ctx, store: s, rate: o.Rate, start: time.Now()}
	v.stats.Lost = s.Stats().Lost
	if err := s.Sync(); err != nil { // so that all is in packs
		return v.stats, err
	}
	for _, n := range s.numbers() {
		if err := v.verifyPack(n); err != nil {
			return v.stats, err
		}
		if o.Progress != nil {
			o.Progress(v.stats)
		}
	}
	return v.stats, nil
}

// verifier is one Verify.
type verifier struct {
	ctx   context.Context
	store *Store
	rate  int64
	start time.Time
	read  int64 // bytes
	stats VerifyStats
}

// verifyPack verifies the blobs in one pack: in one go, and if anything is not as it
// should be, or the pack still grows, one by one.
func (v *verifier) verifyPack(n uint32) error {
	s := v.store
	s.mu.RLock()
	p, live := s.packs[n], int64(0)
	if p != nil {
		live = p.live
	}
	isLast := n == s.lastPack()
	s.mu.RUnlock()
	if p == nil { // compacted meanwhile
		return nil
	}
	before := v.stats
	if p.segment != nil && !isLast {
		good, err := v.scan(n, p)
		if v.ctx.Err() != nil || err == nil && good == live {
			return v.ctx.Err()
		}
	}
	v.stats = before
	for _, id := range s.inPack(n) {
		if err := v.verify(id); err != nil {
			return err
		}
	}
	return nil
}

// scan reads a whole pack and returns how many bytes of it hold blobs that are there, and
// are good. An error only says that it is not all of it.
func (v *verifier) scan(n uint32, p *pack) (good int64, err error) {
	_, err = p.segment.Scan(segment.MaxSize, func(r segment.Record) error {
		id, ok := parseLabel(r.Payload)
		if !ok || r.Kind != kindBlob || !v.store.isAt(id, n, r.Offset) {
			return nil
		}
		b := r.Payload[labelSize:]
		if id.Check(b) == nil {
			good += r.Size
			v.count(len(b))
		}
		return v.pace(len(b))
	})
	return good, err
}

// isAt tells whether the record at an offset of a pack is where a blob is.
func (s *Store) isAt(id blob.ID, n uint32, offset int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.index.find(id)
	return e != nil && e.place.pack == n && int64(e.place.offset) == offset
}

// verify reads one blob.
func (v *verifier) verify(id blob.ID) error {
	b, err := v.store.Get(id)
	switch {
	case errors.Is(err, blob.ErrCorrupt) && len(v.stats.Damaged) < blob.MaxBatch:
		v.stats.Damaged = append(v.stats.Damaged, id)
	case errors.Is(err, blob.ErrCorrupt):
		v.stats.More++
	case errors.Is(err, blob.ErrNotFound): // deleted meanwhile
		return nil
	case err != nil:
		return err
	}
	v.count(len(b))
	return v.pace(len(b))
}

func (v *verifier) count(bytes int) {
	v.stats.Blobs++
	v.stats.Bytes += int64(bytes)
}

// pace waits until so many bytes more may have been read.
func (v *verifier) pace(bytes int) error {
	v.read += int64(bytes)
	if v.rate <= 0 {
		return v.ctx.Err()
	}
	due := v.start.Add(time.Duration(float64(v.read) / float64(v.rate) * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-v.ctx.Done():
	}
	return v.ctx.Err()
}

// numbers returns the packs in order.
func (s *Store) numbers() []uint32 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.packs))
}

// lastPack returns the number of the pack that grows.
func (s *Store) lastPack() uint32 { return slices.Max(slices.Collect(maps.Keys(s.packs))) }

// inPack returns the blobs in one pack in the order of their places.
func (s *Store) inPack(n uint32) []blob.ID {
	type located struct {
		id     blob.ID
		offset uint32
	}
	var in []located
	s.mu.RLock()
	s.index.from(blob.ID{}, func(id blob.ID, e *entry) bool {
		if e.place.pack == n {
			in = append(in, located{id, e.place.offset})
		}
		return true
	})
	s.mu.RUnlock()
	slices.SortFunc(in, func(a, b located) int { return cmp.Compare(a.offset, b.offset) })
	ids := make([]blob.ID, 0, len(in))
	for _, l := range in {
		ids = append(ids, l.id)
	}
	return ids
}
