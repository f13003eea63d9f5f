package collect_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
)

const grace = time.Hour

// tester is a *testing.T or a *rapid.T.
type tester interface {
	require.TestingT
	Helper()
}

// room is a store on a pretended disk, and a clock.
type room struct {
	*datadir.Store
	disk *disk.Memory
	now  time.Time
}

func newRoom(t tester) *room {
	t.Helper()
	r := &room{disk: disk.NewMemory(), now: time.Unix(1_000_000_000, 0)}
	r.open(t)
	return r
}

func (r *room) open(t tester) {
	t.Helper()
	s, err := openStore(r.disk)
	require.NoError(t, err)
	r.Store = s
}

// openStore opens a store whose packs have room for a handful of blobs.
func openStore(d disk.Disk) (*datadir.Store, error) {
	return datadir.OpenStore(d, pack.Options{PackSize: pack.MinPackSize})
}

func (r *room) reopen(t tester) {
	t.Helper()
	require.NoError(t, r.Close())
	r.open(t)
}

// options are those of a collection at the room's time.
func (r *room) options(grace time.Duration) collect.Options {
	return collect.Options{Grace: grace, Live: 1, Now: func() time.Time { return r.now }}
}

// collect runs a collection that must succeed.
func (r *room) collect(t tester, grace time.Duration) collect.Stats {
	t.Helper()
	st, err := collect.Run(context.Background(), r.Blobs, r.Heads, r.options(grace))
	require.NoError(t, err)
	return st
}

// leaf puts a raw blob of 1 KiB.
func (r *room) leaf(t tester, n int) blob.ID {
	t.Helper()
	id, err := r.Blobs.Put(blob.Raw, leafBytes(n))
	require.NoError(t, err)
	return id
}

func leafBytes(n int) []byte { return []byte(strings.Repeat(fmt.Sprintf("leaf %010d\n", n), 64)) }

// node is an object with links.
type node struct {
	Name  string    `cbor:"name"`
	Links []blob.ID `cbor:"links"`
}

// node puts an object.
func (r *room) node(t tester, name string, links ...blob.ID) blob.ID {
	t.Helper()
	id, err := object.Save(r.Blobs, node{name, links})
	require.NoError(t, err)
	return id
}

// point points a head to a blob, whatever it points to now.
func (r *room) point(t tester, name string, id blob.ID) {
	t.Helper()
	require.NoError(t, point(r.Heads, name, id))
}

func point(heads *head.Store, name string, id blob.ID) error {
	now, _ := heads.Get(name)
	_, err := heads.Set(name, now.Generation, id)
	return err
}

// has demands that these blobs are there, and can be read.
func (r *room) has(t tester, ids ...blob.ID) {
	t.Helper()
	for _, id := range ids {
		_, err := r.Blobs.Get(id)
		require.NoError(t, err)
	}
}

// lacks demands that these blobs are not there.
func (r *room) lacks(t tester, ids ...blob.ID) {
	t.Helper()
	for _, id := range ids {
		_, err := r.Blobs.Get(id)
		require.ErrorIs(t, err, blob.ErrNotFound)
	}
}

// ids returns all blobs in order.
func (r *room) ids(t tester) []blob.ID {
	t.Helper()
	infos, err := r.Blobs.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	ids := []blob.ID{}
	for _, info := range infos {
		ids = append(ids, info.ID)
	}
	return ids
}
