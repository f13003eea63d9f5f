package pack

import (
	"errors"
	"fmt"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// Options says how a Store works. The zero Options are sensible.
type Options struct {
	// PackSize is how large a pack is, in bytes, from the start: 0 is
	// DefaultPackSize. A blob that is larger gets a larger pack.
	PackSize int64

	// FlushEvery is how often the Store syncs by itself what was put. 0 is never:
	// then what nobody syncs is durable only when a pack is full, or at Close.
	FlushEvery time.Duration
}

// Bounds.
const (
	DefaultPackSize = 64 << 20 // bytes
	MinPackSize     = 4 << 10  // bytes
	MaxPacks        = 1 << 13  // packs of one Store; then it takes no more blobs
	maxQueued       = 4 << 20  // bytes that wait to be written; then Put waits too
)

// Errors of a Store beside those of package blob.
var (
	ErrOptions = errors.New("options out of range")
	ErrMark    = errors.New("not a mark of this store")
	ErrPacks   = errors.New("too many packs")
)

func (o Options) check() (Options, error) {
	if o.PackSize == 0 {
		o.PackSize = DefaultPackSize
	}
	if o.PackSize < MinPackSize || o.PackSize > segment.MaxSize || o.FlushEvery < 0 {
		return o, fmt.Errorf("%w: packs of %d bytes, want %d to %d; a flush every %v",
			ErrOptions, o.PackSize, MinPackSize, segment.MaxSize, o.FlushEvery)
	}
	return o, nil
}

// Stats tells what is in a Store, and what has happened since it was opened.
type Stats struct {
	Blobs   int
	Bytes   int64 // of the blobs
	Packs   int
	Live    int64  // bytes of packs that hold blobs that are there
	Dead    int64  // bytes of packs that Compact could give back
	Damaged int    // blobs known to be damaged
	Lost    uint64 // records damaged beyond recognition

	Puts      int64 // blobs that were stored
	PutBytes  int64 // of their bytes
	Dedups    int64 // puts of what was there
	Written   int64 // bytes written to packs; over PutBytes: write amplification
	Syncs     int64 // of the last pack, that callers of Sync waited for
	Rebuilt   int   // index files that were missing or did not check at Open
	Recovered int64 // bytes behind the last record that Open found torn, and cut
}

// Stats returns the counts.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.stats
	st.Packs = len(s.packs)
	for _, p := range s.packs {
		st.Live += p.live
		st.Dead += p.used - p.live
		st.Lost += p.lost
	}
	return st
}

var _ blob.Store = (*Store)(nil)
