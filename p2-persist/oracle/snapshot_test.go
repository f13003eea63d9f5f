package oracle_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	gocar "github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/storage"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
	"github.com/ipld/go-ipld-prime/traversal/selector"
	selectorparse "github.com/ipld/go-ipld-prime/traversal/selector/parse"
	"github.com/multiformats/go-multicodec"
	"github.com/stretchr/testify/require"

	_ "github.com/ipld/go-ipld-prime/codec/raw" // blobs that are bytes

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
)

// plant makes a directory that uses all that a snapshot is made of: a file of many
// chunks, a directory that is a tree of objects, an empty one, symbolic links.
func plant(t *testing.T, root string) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{'o'})
	large := make([]byte, 3<<20)
	_, _ = random.Read(large) // it never fails
	write := func(name string, b []byte) {
		name = filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, b, 0o644))
	}
	write("large.bin", large)
	write("doc/Größe.txt", []byte("some text\n"))
	write("doc/empty", nil)
	for i := range dir.MaxInline + 44 {
		write(fmt.Sprintf("many/%03d", i), fmt.Appendf(nil, "file %d", i))
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, "nothing"), 0o755))
	require.NoError(t, os.Symlink("doc/empty", filepath.Join(root, "link")))
}

// takeTwo commits two snapshots of a directory, of which a file was changed between,
// and returns the second.
func takeTwo(t *testing.T, s *datadir.Store, root string) (tip blob.ID) {
	t.Helper()
	opened, err := os.OpenRoot(root)
	require.NoError(t, err)
	defer opened.Close()
	for i, message := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "changing"), []byte(message), 0o644))
		id, _, err := dir.Scan(t.Context(), opened.FS(), s.Blobs, dir.ScanOptions{})
		require.NoError(t, err)
		snapshot := history.Snapshot{Root: id, Time: time.Unix(int64(i), 0).UnixNano(), Author: "Ada", Message: message}
		if i > 0 {
			snapshot.Parents = []blob.ID{tip}
		}
		tip, err = s.History().Commit("main", snapshot)
		require.NoError(t, err)
	}
	return tip
}

// exported is a CAR of both snapshots, what is in it, and its root.
func exported(t *testing.T) (b []byte, ids []blob.ID, tip blob.ID) {
	t.Helper()
	d, err := disk.OpenDir(t.TempDir())
	require.NoError(t, err)
	s, err := datadir.OpenStore(d, pack.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	root := t.TempDir()
	plant(t, root)
	tip = takeTwo(t, s, root)
	return exportAll(t, s.Blobs, tip), slices.Collect(marked(t, s.Blobs, tip)), tip
}

func TestASnapshotOfADirectoryPassesTheirInspection(t *testing.T) {
	b, ids, tip := exported(t)
	inspect(t, b, len(ids), tip)
}

// inspect checks what "car inspect -full" and "car verify" of go-car look at: form,
// hashes, and that the roots are there.
func inspect(t *testing.T, b []byte, blocks int, root blob.ID) {
	t.Helper()
	r, err := gocar.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	stats, err := r.Inspect(true)
	require.NoError(t, err)
	require.EqualValues(t, 1, stats.Version)
	require.Equal(t, cidsOf(t, []blob.ID{root}), stats.Roots)
	require.True(t, stats.RootsPresent)
	require.EqualValues(t, blocks, stats.BlockCount)
	require.EqualValues(t, blob.IDSize, stats.MinCidLength)
	require.EqualValues(t, blob.IDSize, stats.MaxCidLength)
	require.LessOrEqual(t, stats.MaxBlockLength, uint64(blob.MaxSize))
	require.ElementsMatch(t, []multicodec.Code{multicodec.Raw, multicodec.DagCbor}, slices.Collect(maps.Keys(stats.CodecCounts)))
	require.Equal(t, []multicodec.Code{multicodec.Sha2_256}, slices.Collect(maps.Keys(stats.MhTypeCounts)))
}

func TestADamagedSnapshotFailsTheirInspection(t *testing.T) {
	b, _, _ := exported(t)
	b[len(b)-1] ^= 1
	r, err := gocar.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	_, err = r.Inspect(true)
	require.ErrorContains(t, err, "mismatch in content integrity")
}

// The walk follows every link from the root, decodes every object, and hashes every
// block: a CAR of a history is complete, and holds nothing else.
func TestTheirTraversalGoesFromTheRootToEveryBlockOfASnapshot(t *testing.T) {
	b, ids, tip := exported(t)
	want := cidsOf(t, ids)
	require.ElementsMatch(t, want, traverse(t, b, tip))
}

// traverse returns the CIDs of all blocks that a walk through a CAR loads.
func traverse(t *testing.T, b []byte, root blob.ID) []cid.Cid {
	t.Helper()
	opened, err := storage.OpenReadable(bytes.NewReader(b), gocar.UseWholeCIDs(true))
	require.NoError(t, err)
	loaded := map[cid.Cid]bool{}
	system := cidlink.DefaultLinkSystem()
	system.SetReadStorage(opened)
	read := system.StorageReadOpener
	system.StorageReadOpener = func(c linking.LinkContext, l datamodel.Link) (io.Reader, error) {
		loaded[l.(cidlink.Link).Cid] = true
		return read(c, l)
	}
	all, err := selector.CompileSelector(selectorparse.CommonSelector_ExploreAllRecursively)
	require.NoError(t, err)
	start, err := system.Load(linking.LinkContext{}, cidlink.Link{Cid: cidOf(t, root)}, basicnode.Prototype.Any)
	require.NoError(t, err)
	walk := traversal.Progress{Cfg: &traversal.Config{
		Ctx: context.Background(), LinkSystem: system, LinkVisitOnlyOnce: true,
		LinkTargetNodePrototypeChooser: func(datamodel.Link, linking.LinkContext) (datamodel.NodePrototype, error) {
			return basicnode.Prototype.Any, nil
		},
	}}
	require.NoError(t, walk.WalkAdv(start, all, func(traversal.Progress, datamodel.Node, traversal.VisitReason) error { return nil }))
	return slices.Collect(maps.Keys(loaded))
}
