package stage2

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"dss.example/common/blob"
)

// pebbleBlobs is pebble as it comes. It finds out by itself which commits share a sync.
type pebbleBlobs struct{ *pebble.DB }

func openPebble(dir string, _ int) (blobs, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}})
	return pebbleBlobs{db}, err
}

// Put implements blobs.
func (s pebbleBlobs) Put(b []byte) (blob.ID, error) {
	id := blob.Sum(blob.Raw, b)
	return id, s.put(id, b)
}

func (s pebbleBlobs) put(id blob.ID, b []byte) error { return s.Set(id[:], b, pebble.Sync) }

// Get implements blobs.
func (s pebbleBlobs) Get(id blob.ID) ([]byte, error) {
	found, end, err := s.DB.Get(id[:])
	if err != nil {
		return nil, err
	}
	b := bytes.Clone(found) // the caller's own, as ours
	return b, errors.Join(end.Close(), id.Check(b))
}

// silent is a log that nobody reads.
type silent struct{}

// Infof says nothing.
func (silent) Infof(string, ...any) {}

// Errorf says nothing: what matters comes back as an error.
func (silent) Errorf(string, ...any) {}

// Fatalf ends the process, as it must.
func (silent) Fatalf(format string, args ...any) { pebble.DefaultLogger.Fatalf(format, args...) }
