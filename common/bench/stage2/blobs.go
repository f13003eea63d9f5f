package stage2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/blob"
)

// blobs is a store of blobs in this process. Many callers use it at a time.
type blobs interface {
	// Put stores bytes under their hash, durably.
	Put(b []byte) (blob.ID, error)
	// Get returns the bytes of a name, checked against it.
	Get(id blob.ID) ([]byte, error)
	Close() error
}

const (
	blobBytes   = 4 << 10
	filled      = 20_000 // blobs that gets choose from, at scale 1
	fillCallers = 256
)

// driveBlobs measures puts into an empty store, or gets from a full one.
func driveBlobs(open func(dir string, callers int) (blobs, error)) func(string, harness.Turn) (*load.Report, error) {
	return func(place string, t harness.Turn) (_ *load.Report, err error) {
		dir := filepath.Join(place, "blobs")
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		s, err := open(dir, t.Callers)
		if err != nil {
			return nil, err
		}
		w := &work{blobs: s}
		r, err := w.run(t)
		if err = errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
		if t.Load == put { // looked at when the store is closed: nothing is in memory only
			r.Space, err = spaceOf(dir, w.kept.Load()*blobBytes)
		}
		return r, err
	}
}

// work is a store and what callers do with it.
type work struct {
	blobs
	seeds atomic.Uint64 // of random bytes: no caller and no phase repeats another's
	kept  atomic.Int64  // blobs put
	ids   []blob.ID     // once filled
}

func (w *work) run(t harness.Turn) (_ *load.Report, err error) {
	caller := w.putter
	if t.Load == get {
		if err := w.fill(max(1, int(filled*t.Scale))); err != nil {
			return nil, err
		}
		caller = w.getter
	}
	end, err := load.StartProfile(t.Profile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return load.Loop{Callers: t.Callers, Warmup: t.Warmup, For: t.For}.Run(func(int) func() error { return caller() })
}

// putter returns a caller that puts blobs that nobody has put.
func (w *work) putter() func() error {
	random := w.random()
	b := make([]byte, blobBytes)
	return func() error {
		_, _ = random.Read(b) // it never fails
		_, err := w.Put(b)
		w.kept.Add(1)
		return err
	}
}

func (w *work) random() *rand.ChaCha8 {
	seed := w.seeds.Add(1)
	return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
}

// getter returns a caller that gets a blob of those filled in, at random.
func (w *work) getter() func() error {
	choice := rand.New(w.random())
	return func() error {
		id := w.ids[choice.IntN(len(w.ids))]
		b, err := w.Get(id)
		if err == nil && len(b) != blobBytes {
			err = fmt.Errorf("%v has %d bytes, want %d", id, len(b), blobBytes)
		}
		return err
	}
}

// fill puts the blobs that are to be got.
func (w *work) fill(n int) error {
	w.ids = make([]blob.ID, n)
	errs := make([]error, fillCallers)
	var fillers sync.WaitGroup
	for i := range fillCallers {
		fillers.Go(func() {
			random, b := w.random(), make([]byte, blobBytes)
			for k := i; k < n && errs[i] == nil; k += fillCallers {
				_, _ = random.Read(b) // it never fails
				w.ids[k], errs[i] = w.Put(b)
			}
		})
	}
	fillers.Wait()
	return errors.Join(errs...)
}
