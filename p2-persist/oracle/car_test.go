package oracle_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	gocar "github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/storage"
	"github.com/multiformats/go-multihash"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/car"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// fill puts objects, some of which link to those before, and returns the last.
func fill(t *rapid.T, s blob.Store) blob.ID {
	last, err := s.Put(blob.Raw, genBytes().Draw(t, "first"))
	require.NoError(t, err)
	for range rapid.IntRange(0, 6).Draw(t, "objects") {
		last, err = object.Save(s, []any{last, withTargets(t, s, genValue(2).Draw(t, "value"))})
		require.NoError(t, err)
	}
	return last
}

// withTargets is a value in which each link is replaced by one to a blob that it puts,
// so that a history can be followed to its end.
func withTargets(t *rapid.T, s blob.Store, v any) any {
	switch v := v.(type) {
	case blob.ID:
		id, err := s.Put(blob.Raw, v[:])
		require.NoError(t, err)
		return id
	case []any:
		for i := range v {
			v[i] = withTargets(t, s, v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withTargets(t, s, v[key])
		}
	}
	return v
}

// exportAll returns a CAR of all that the roots lead to.
func exportAll(t require.TestingT, s blob.Store, roots ...blob.ID) []byte {
	var b bytes.Buffer
	_, err := car.Export(&b, s, roots, history.Mark(s, roots...))
	require.NoError(t, err)
	return b.Bytes()
}

// readTheirs reads a CAR as go-car does, with every hash checked.
func readTheirs(b []byte) (roots []cid.Cid, blocks []car.Block, err error) {
	r, err := gocar.NewBlockReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	for {
		block, err := r.Next()
		if err == io.EOF {
			return r.Roots, blocks, nil
		}
		if err != nil {
			return r.Roots, blocks, err
		}
		id, err := blob.ParseBytes(block.Cid().Bytes())
		if err != nil {
			return r.Roots, blocks, err
		}
		blocks = append(blocks, car.Block{ID: id, Data: block.RawData()})
	}
}

// readOurs reads a CAR block by block.
func readOurs(b []byte) (roots []blob.ID, blocks []car.Block, err error) {
	r, err := car.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	for {
		block, err := r.Next()
		if err == io.EOF {
			return r.Roots(), blocks, nil
		}
		if err != nil {
			return r.Roots(), blocks, err
		}
		block.Data = slices.Clone(block.Data)
		blocks = append(blocks, block)
	}
}

// writeTheirs is what go-car writes in version 1.
func writeTheirs(t require.TestingT, roots []blob.ID, blocks []car.Block) []byte {
	var b bytes.Buffer
	w, err := storage.NewWritable(&b, cidsOf(t, roots), gocar.WriteAsCarV1(true), gocar.UseWholeCIDs(true))
	require.NoError(t, err)
	for _, block := range blocks {
		require.NoError(t, w.Put(context.Background(), cidOf(t, block.ID).KeyString(), block.Data))
	}
	require.NoError(t, w.Finalize())
	return b.Bytes()
}

func cidsOf(t require.TestingT, ids []blob.ID) []cid.Cid {
	cids := make([]cid.Cid, 0, len(ids))
	for _, id := range ids {
		cids = append(cids, cidOf(t, id))
	}
	return cids
}

func TestWhatWeExportTheyReadBlockByBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := blob.NewMemory()
		first, second := fill(t, s), fill(t, s)
		b := exportAll(t, s, first, second)
		roots, blocks, err := readTheirs(b)
		require.NoError(t, err)
		require.Equal(t, cidsOf(t, []blob.ID{first, second}), roots)
		want := slices.Collect(marked(t, s, first, second))
		require.Len(t, blocks, len(want))
		for i, id := range want {
			data, err := s.Get(id)
			require.NoError(t, err)
			require.Equal(t, id, blocks[i].ID)
			require.True(t, bytes.Equal(data, blocks[i].Data))
		}
	})
}

// marked are the blobs that the roots lead to.
func marked(t require.TestingT, s blob.Store, roots ...blob.ID) iter.Seq[blob.ID] {
	return func(yield func(blob.ID) bool) {
		for id, err := range history.Mark(s, roots...) {
			require.NoError(t, err)
			if !yield(id) {
				return
			}
		}
	}
}

func TestBothWriteTheSameBytesForTheSameBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := blob.NewMemory()
		root := fill(t, s)
		ours := exportAll(t, s, root)
		_, blocks, err := readOurs(ours)
		require.NoError(t, err)
		require.True(t, bytes.Equal(writeTheirs(t, []blob.ID{root}, blocks), ours))
	})
}

func TestWhatTheyWriteWeImport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var blocks []car.Block
		var roots []blob.ID
		for range rapid.IntRange(0, 8).Draw(t, "blocks") {
			data, err := encodeTheirs(nodeOf(t, genValue(2).Draw(t, "value")))
			require.NoError(t, err)
			blocks = append(blocks, car.Block{ID: blob.Sum(blob.DAGCBOR, data), Data: data})
			roots = append(roots, blocks[0].ID)
		}
		s := blob.NewMemory()
		got, stats, err := car.Import(s, bytes.NewReader(writeTheirs(t, roots, blocks)))
		require.NoError(t, err)
		require.Equal(t, len(roots), len(got))
		require.LessOrEqual(t, stats.Blocks, int64(len(blocks)), "they write a block once")
		for _, want := range blocks {
			data, err := s.Get(want.ID)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want.Data, data))
		}
	})
}

// What they take and we do not has tests below.
func TestADamagedCARThatWeReadTheyReadAlike(t *testing.T) {
	read, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := blob.NewMemory()
		whole := exportAll(t, s, fill(t, s))
		for range 10 {
			b := mutate(t, whole)
			if rapid.Bool().Draw(t, "cut") {
				b = whole[:rapid.IntRange(0, len(whole)).Draw(t, "length")]
			}
			roots, blocks, err := readOurs(b)
			if err != nil {
				refused++
				continue
			}
			read++
			theirRoots, theirBlocks, err := readTheirs(b)
			require.NoError(t, err, "%x", b)
			require.Equal(t, theirRoots, cidsOf(t, roots))
			require.Equal(t, len(theirBlocks), len(blocks))
			for i := range blocks {
				require.Equal(t, theirBlocks[i].ID, blocks[i].ID)
				require.True(t, bytes.Equal(theirBlocks[i].Data, blocks[i].Data))
			}
		}
	})
	require.Positive(t, read)
	require.Positive(t, refused)
}

func TestTheyTakeBlocksThatAreNoBlobsHere(t *testing.T) {
	for name, prefix := range map[string]cid.Prefix{
		"sha2-512": {Version: 1, Codec: cid.Raw, MhType: multihash.SHA2_512, MhLength: -1},
		"dag-pb":   {Version: 1, Codec: cid.DagProtobuf, MhType: multihash.SHA2_256, MhLength: -1},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := prefix.Sum(nil)
			require.NoError(t, err)
			var b bytes.Buffer
			w, err := storage.NewWritable(&b, []cid.Cid{cidOf(t, blob.Sum(blob.Raw, nil))}, gocar.WriteAsCarV1(true))
			require.NoError(t, err)
			require.NoError(t, w.Put(t.Context(), c.KeyString(), nil))
			require.NoError(t, w.Finalize())
			r, err := gocar.NewBlockReader(bytes.NewReader(b.Bytes()))
			require.NoError(t, err)
			_, err = r.Next()
			require.NoError(t, err)
			_, _, err = readOurs(b.Bytes())
			require.ErrorIs(t, err, car.ErrMalformed)
		})
	}
}

// They take a block for an object without a look at it.
func TestTheyTakeObjectsThatAreNone(t *testing.T) {
	bad := []byte{0xff}
	id := blob.Sum(blob.DAGCBOR, bad)
	b := writeTheirs(t, []blob.ID{id}, []car.Block{{ID: id, Data: bad}})
	_, _, err := readTheirs(b)
	require.NoError(t, err)
	_, _, err = readOurs(b)
	require.ErrorIs(t, err, car.ErrMalformed)
}

func TestTheyWriteVersion2ThatWeRefuse(t *testing.T) {
	s := blob.NewMemory()
	id, err := s.Put(blob.Raw, []byte("hello"))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, gocar.WrapV1(bytes.NewReader(exportAll(t, s, id)), &b))
	roots, blocks, err := readTheirs(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, cidsOf(t, []blob.ID{id}), roots)
	require.Len(t, blocks, 1)
	_, _, err = readOurs(b.Bytes())
	require.ErrorIs(t, err, car.ErrMalformed)
}
