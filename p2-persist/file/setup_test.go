package file_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

// countingStore counts calls and fails the one that it is told to fail.
type countingStore struct {
	blob.Store
	mu     sync.Mutex // guards all below
	puts   []blob.ID
	gets   []blob.ID
	calls  int
	failAt int // the call that fails, counted from 1; 0: none
}

var errDisk = errors.New("disk is on fire")

func newStore() *countingStore { return &countingStore{Store: blob.NewMemory()} }

func (s *countingStore) fail() bool {
	s.calls++
	return s.calls == s.failAt
}

func (s *countingStore) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail() {
		return blob.ID{}, errDisk
	}
	id, err := s.Store.Put(codec, b)
	s.puts = append(s.puts, id)
	return id, err
}

func (s *countingStore) Get(id blob.ID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail() {
		return nil, errDisk
	}
	s.gets = append(s.gets, id)
	return s.Store.Get(id)
}

// stored returns how many blobs and bytes are in the store.
func (s *countingStore) stored(t testing.TB) (blobs int, size int64) {
	t.Helper()
	for after := (blob.ID{}); ; {
		page, err := s.List(after, blob.MaxBatch)
		require.NoError(t, err)
		if len(page) == 0 {
			return blobs, size
		}
		for _, info := range page {
			blobs, size, after = blobs+1, size+info.Size, info.ID
		}
	}
}

// fixed cuts into chunks of size bytes.
func fixed(size int) chunk.Cutter {
	c, err := chunk.NewFixed(size)
	if err != nil {
		panic(err)
	}
	return c
}

func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// write stores b and checks the size that comes back.
func write(t testing.TB, s blob.Store, b []byte, c chunk.Cutter) blob.ID {
	t.Helper()
	id, size, err := file.Write(s, bytes.NewReader(b), c)
	require.NoError(t, err)
	require.EqualValues(t, len(b), size)
	return id
}

func open(t testing.TB, s blob.Store, id blob.ID) *file.File {
	t.Helper()
	f, err := file.Open(s, id)
	require.NoError(t, err)
	return f
}

// putNode stores a node without a look at it.
func putNode(t testing.TB, s blob.Store, level int, parts ...file.Part) blob.ID {
	t.Helper()
	id, err := s.Put(blob.DAGCBOR, file.Node{Level: level, Parts: parts}.Append(nil))
	require.NoError(t, err)
	return id
}

func putChunk(t testing.TB, s blob.Store, b []byte) blob.ID {
	t.Helper()
	id, err := s.Put(blob.Raw, b)
	require.NoError(t, err)
	return id
}

// walk returns every blob under id, id included, parents first.
func walk(t testing.TB, s blob.Store, id blob.ID) []blob.ID {
	t.Helper()
	all := []blob.ID{id}
	if id.Codec() == blob.Raw {
		return all
	}
	b, err := s.Get(id)
	require.NoError(t, err)
	n, err := file.ParseNode(b)
	require.NoError(t, err)
	for _, p := range n.Parts {
		if !p.Hole() {
			all = append(all, walk(t, s, p.Link)...)
		}
	}
	return all
}
