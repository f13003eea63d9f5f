package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
)

// Store is a peer's client. It is used by many callers at a time if they share it.
type Store interface {
	Put(key string, value []byte) error
	Get(key string) ([]byte, error)
	Close() error
}

// Batcher is a Store that gets several keys with one request.
type Batcher interface {
	GetAll(keys []string) ([][]byte, error)
}

// ErrNoBatch tells that a mix wants a Batcher.
var ErrNoBatch = errors.New("this store cannot get several keys at once")

// Mix is what callers ask for, at random with a seed.
type Mix struct {
	Keys       int
	ValueBytes int
	Reads      int // of 100; the others are puts
	Batch      int // keys of one read, 1 or more
	Seed       uint64
}

// Names returns the keys.
func (m Mix) Names() []string {
	names := make([]string, m.Keys)
	for i := range names {
		names[i] = fmt.Sprintf("bench/%08d", i)
	}
	return names
}

// Fill puts every key once, so many callers sharing the work and the stores.
func (m Mix) Fill(stores []Store, callers int) error {
	names, value := m.Names(), make([]byte, m.ValueBytes)
	errs := make([]error, callers)
	var fillers sync.WaitGroup
	for i := range callers {
		fillers.Go(func() {
			for k := i; k < len(names) && errs[i] == nil; k += callers {
				errs[i] = stores[i%len(stores)].Put(names[k], value)
			}
		})
	}
	fillers.Wait()
	return errors.Join(errs...)
}

// Caller returns what caller i does again and again.
func (m Mix) Caller(s Store, names []string, i int) func() error {
	r := rand.New(rand.NewPCG(m.Seed, uint64(i)))
	value := make([]byte, m.ValueBytes)
	key := func() string { return names[r.IntN(len(names))] }
	if m.Batch > 1 {
		return m.batches(s, r, key, value)
	}
	return func() error {
		if r.IntN(100) >= m.Reads {
			return s.Put(key(), value)
		}
		_, err := s.Get(key())
		return err
	}
}

func (m Mix) batches(s Store, r *rand.Rand, key func() string, value []byte) func() error {
	keys := make([]string, m.Batch)
	return func() error {
		b, ok := s.(Batcher)
		switch {
		case r.IntN(100) >= m.Reads:
			return s.Put(key(), value)
		case !ok:
			return ErrNoBatch
		}
		for i := range keys {
			keys[i] = key()
		}
		_, err := b.GetAll(keys)
		return err
	}
}
