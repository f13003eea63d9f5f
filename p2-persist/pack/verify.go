package pack

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// VerifyOptions says how a Verify goes about it.
type VerifyOptions struct {
	Rate     int64             // bytes a second, about; 0: as fast as it can
	Progress func(VerifyStats) // if any, is called after each pack, by one at a time
}

// VerifyStats tells how far a Verify is.
type VerifyStats struct {
	Blobs   int
	Bytes   int64
	Damaged []blob.ID // at most MaxBatch of them
	More    int       // damaged blobs beyond those
	Lost    uint64    // records damaged beyond recognition, of which Open has told
}

// verifiers is how many packs are verified at a time, unless there is a rate to keep.
const verifiers = 2

// Verify reads every blob that is there and hashes it, pack by pack. What is damaged is
// then known to be, so that a Put stores it anew. Puts and reads go on meanwhile; a blob
// that is put or moved meanwhile may be left out. Errors: ctx's; the disk's;
// blob.ErrFailed and ErrClosed. Damage is none.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyStats, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &verifier{ctx: ctx, store: s, o: o, start: time.Now()}
	v.stats.Lost = s.Stats().Lost
	if err := s.Sync(); err != nil { // so that all is in packs
		return v.stats, err
	}
	v.packs = s.numbers()
	workers := verifiers
	if o.Rate > 0 {
		workers = 1
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n, ok := v.take(); ok; n, ok = v.take() {
				part, err := v.verifyPack(n)
				v.add(part)
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return v.stats, context.Cause(ctx)
}

// verifier is one Verify.
type verifier struct {
	ctx   context.Context // ends with the first error
	store *Store
	o     VerifyOptions
	start time.Time
	read  int64 // bytes; counted if there is a rate

	mu    sync.Mutex // guards what follows
	packs []uint32   // that nobody has taken
	stats VerifyStats
}

// take returns the next pack, if there is one and nothing has failed.
func (v *verifier) take() (n uint32, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.packs) == 0 || v.ctx.Err() != nil {
		return 0, false
	}
	n, v.packs = v.packs[0], v.packs[1:]
	return n, true
}

// add adds what was found in a pack.
func (v *verifier) add(part VerifyStats) {
	v.mu.Lock()
	defer v.mu.Unlock()
	room := min(blob.MaxBatch-len(v.stats.Damaged), len(part.Damaged))
	v.stats.Blobs += part.Blobs
	v.stats.Bytes += part.Bytes
	v.stats.Damaged = append(v.stats.Damaged, part.Damaged[:room]...)
	v.stats.More += part.More + len(part.Damaged) - room
	if v.o.Progress != nil {
		v.o.Progress(v.stats)
	}
}

// verifyPack verifies the blobs in one pack: in one go, and if anything is not as it
// should be, or the pack still grows, one by one.
func (v *verifier) verifyPack(n uint32) (VerifyStats, error) {
	s := v.store
	s.mu.RLock()
	p, live := s.packs[n], int64(0)
	if p != nil {
		live = p.live
	}
	isLast := n == s.lastPack()
	s.mu.RUnlock()
	if p == nil { // compacted meanwhile
		return VerifyStats{}, nil
	}
	if p.segment != nil && !isLast {
		part, good, err := v.scan(n, p)
		if v.ctx.Err() != nil || err == nil && good == live {
			return part, v.ctx.Err()
		}
	}
	var part VerifyStats
	for _, id := range s.inPack(n) {
		if err := v.verify(id, &part); err != nil {
			return part, err
		}
	}
	return part, nil
}

// scan reads a whole pack and returns how many bytes of it hold blobs that are there, and
// are good. An error only says that it is not all of it.
func (v *verifier) scan(n uint32, p *pack) (part VerifyStats, good int64, err error) {
	_, err = p.segment.Scan(segment.MaxSize, func(r segment.Record) error {
		id, ok := parseLabel(r.Payload)
		if !ok || r.Kind != kindBlob || !v.store.isAt(id, n, r.Offset) {
			return nil
		}
		b := r.Payload[labelSize:]
		if id.Check(b) == nil {
			good += r.Size
			part.count(len(b))
		}
		return v.pace(len(b))
	})
	return part, good, err
}

// isAt tells whether the record at an offset of a pack is where a blob is.
func (s *Store) isAt(id blob.ID, n uint32, offset int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.index.find(id)
	return e != nil && e.place.pack == n && int64(e.place.offset) == offset
}

// verify reads one blob.
func (v *verifier) verify(id blob.ID, part *VerifyStats) error {
	b, err := v.store.Get(id)
	switch {
	case errors.Is(err, blob.ErrCorrupt) && len(part.Damaged) < blob.MaxBatch:
		part.Damaged = append(part.Damaged, id)
	case errors.Is(err, blob.ErrCorrupt):
		part.More++
	case errors.Is(err, blob.ErrNotFound): // deleted meanwhile
		return nil
	case err != nil:
		return err
	}
	part.count(len(b))
	return v.pace(len(b))
}

func (s *VerifyStats) count(bytes int) {
	s.Blobs++
	s.Bytes += int64(bytes)
}

// pace waits until so many bytes more may have been read.
func (v *verifier) pace(bytes int) error {
	if v.o.Rate <= 0 {
		return v.ctx.Err()
	}
	v.read += int64(bytes)
	due := v.start.Add(time.Duration(float64(v.read) / float64(v.o.Rate) * float64(time.Second)))
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
