package tree_test

import (
	"bytes"
	"maps"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/p2-persist/tree"
)

// raw is a node written by hand.
type raw struct {
	kind          string
	target, level uint64
	items         [][]byte // encoded
	tail          string   // bytes after the end
}

func (n raw) encode() []byte {
	b := cbor.AppendText(cbor.AppendArray(nil, 4), n.kind)
	b = cbor.AppendUint(cbor.AppendUint(b, n.target), n.level)
	b = cbor.AppendArray(b, len(n.items))
	return append(append(b, bytes.Join(n.items, nil)...), n.tail...)
}

func leaf(pairs ...string) raw {
	n := raw{kind: "tree", target: 128}
	for _, s := range pairs {
		n.items = append(n.items, str(s))
	}
	return n
}

func str(s string) []byte { return cbor.AppendBytes(nil, []byte(s)) }

func child(last string, count uint64, id blob.ID) [][]byte {
	return [][]byte{str(last), cbor.AppendUint(nil, count), blob.AppendLink(nil, id)}
}

func inner(level uint64, children ...[][]byte) raw {
	n := raw{kind: "tree", target: 128, level: level}
	for _, c := range children {
		n.items = append(n.items, c...)
	}
	return n
}

func (s *store) add(n raw) blob.ID {
	id, _ := s.Put(blob.DAGCBOR, n.encode())
	return id
}

func TestRootThatIsNoNodeIsRefused(t *testing.T) {
	id := blob.Sum(blob.DAGCBOR, []byte("x"))
	rawID := blob.Sum(blob.Raw, []byte("x"))
	with := func(change func(n *raw)) raw {
		n := leaf("a", "1", "b", "2")
		change(&n)
		return n
	}
	many := make([]string, 0, 2000)
	for i := range 1000 {
		many = append(many, number(i), "")
	}
	for name, n := range map[string]raw{
		"another kind":         with(func(n *raw) { n.kind = "treé" }),
		"small target":         with(func(n *raw) { n.target = tree.MinTarget - 1 }),
		"large target":         with(func(n *raw) { n.target = tree.MaxTarget + 1 }),
		"huge target":          with(func(n *raw) { n.target = math.MaxUint64 }),
		"level 64":             inner(64, child("a", 1, id), child("b", 1, id)),
		"huge level":           inner(math.MaxUint64, child("a", 1, id), child("b", 1, id)),
		"bytes after the end":  with(func(n *raw) { n.tail = "\x00" }),
		"a key without value":  leaf("a", "1", "b"),
		"keys out of order":    leaf("b", "1", "a", "2"),
		"a key twice":          leaf("a", "1", "a", "2"),
		"an empty key":         leaf("", "1", "a", "2"),
		"a key too long":       leaf(strings.Repeat("k", tree.MaxKey+1), "1"),
		"a value too long":     leaf("a", strings.Repeat("v", tree.MaxValue+1)),
		"a key that is text":   with(func(n *raw) { n.items[0] = cbor.AppendText(nil, "a") }),
		"a value that is text": with(func(n *raw) { n.items[1] = cbor.AppendText(nil, "1") }),
		"a value that is null": with(func(n *raw) { n.items[1] = cbor.AppendNull(nil) }),
		"a bare link":          with(func(n *raw) { n.items[1] = blob.AppendLink(nil, id) }),
		"a link to no ID":      with(func(n *raw) { n.items[1] = append([]byte("\x82\x40"), blob.AppendLink(nil, blob.ID{})...) }),
		"a value of three":     with(func(n *raw) { n.items[1] = append([]byte("\x83\x40"), blob.AppendLink(nil, id)...) }),
		"a long form":          with(func(n *raw) { n.items[1] = []byte("\x58\x011") }),
		"indefinite length":    with(func(n *raw) { n.items[1] = []byte("\x5f\x411\xff") }),
		"a node that grew on":  leaf(many...),
		"one child":            inner(1, child("a", 1, id)),
		"no child":             inner(1),
		"a child without keys": inner(1, child("a", 0, id), child("b", 1, id)),
		"counts that overflow": inner(1, child("a", math.MaxUint64, id), child("b", 1, id)),
		"a child that is raw":  inner(1, child("a", 1, rawID), child("b", 1, id)),
		"children disordered":  inner(1, child("b", 1, id), child("a", 1, id)),
		"children doubled":     inner(1, child("a", 1, id), child("a", 1, id)),
	} {
		s := newStore()
		_, err := tree.Open(s, s.add(n))
		require.ErrorIs(t, err, tree.ErrNode, name)
	}
	s := newStore()
	_, err := tree.Open(s, s.add(leaf("a", "1", "b", "2")))
	require.NoError(t, err, "the cases are built from a good node")
}

func TestRootOfTheWrongCodecIsRefused(t *testing.T) {
	s := newStore()
	id, err := s.Put(blob.Raw, leaf("a", "1").encode())
	require.NoError(t, err)
	_, err = tree.Open(s, id)
	require.ErrorIs(t, err, tree.ErrNode)
	_, err = tree.Open(s, blob.Sum(blob.DAGCBOR, nil))
	require.ErrorIs(t, err, blob.ErrNotFound)
}

func TestEveryTruncatedNodeIsRefused(t *testing.T) {
	s := newStore()
	tr := build(t, s, 128, numbered(100, 10))
	for _, level := range nodes(t, tr) {
		b := s.blobs[level[0]]
		for n := range len(b) {
			id, err := s.Put(blob.DAGCBOR, b[:n])
			require.NoError(t, err)
			_, err = tree.Open(s, id)
			require.ErrorIs(t, err, tree.ErrNode)
		}
	}
}

// What is claimed must not be allocated before it is there, and what is there must not
// grow much when it is decoded.
func TestNodesAllocateLittle(t *testing.T) {
	many := leaf()
	many.target = tree.MaxTarget
	for i := range 16_000 {
		many.items = append(many.items, str(string([]byte{byte(i >> 8), byte(i)})), str(""))
	}
	for name, c := range map[string]struct {
		blob  string
		limit uint64
	}{
		"items that lie":    {"\x84\x64tree\x19\x40\x00\x00\x9b\x00\x00\x00\x7f\xff\xff\xff\xff", 4 << 10},
		"a few items less":  {"\x84\x64tree\x19\x40\x00\x00\x99\x40\x00", 4 << 10},
		"a key that lies":   {"\x84\x64tree\x19\x40\x00\x00\x82\x5b\x00\x00\x00\x7f\xff\xff\xff\xff", 4 << 10},
		"16,000 tiny pairs": {string(many.encode()), 4 << 20},
	} {
		s := newStore()
		id, err := s.Put(blob.DAGCBOR, []byte(c.blob))
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = tree.Open(s, id)
		runtime.ReadMemStats(&after)
		require.Equal(t, c.limit > 1<<20, err == nil, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, c.limit, name)
	}
}

func TestChildThatIsNotWhatItsParentSaysIsRefused(t *testing.T) {
	good := leaf("a", "1", "b", "2")
	next := leaf("c", "3", "d", "4")
	change := func(n raw, change func(n *raw)) raw {
		change(&n)
		return n
	}
	for name, c := range map[string]struct {
		child raw
		last  string
		count uint64
	}{
		"the right one":       {good, "b", 2},
		"a lower count":       {good, "b", 1},
		"a higher count":      {good, "b", 3},
		"an earlier last key": {good, "a", 2},
		"a later last key":    {good, "bb", 2},
		"an empty leaf":       {leaf(), "b", 1},
		"another target":      {change(good, func(n *raw) { n.target = 129 }), "b", 2},
		"a higher level":      {inner(1, child("a", 1, blob.Sum(blob.DAGCBOR, nil)), child("b", 1, blob.Sum(blob.DAGCBOR, nil))), "b", 2},
		"no node":             {raw{kind: "none"}, "b", 2},
	} {
		s := newStore()
		root := inner(1, child(c.last, c.count, s.add(c.child)), child("d", 2, s.add(next)))
		tr, err := tree.Open(s, s.add(root))
		require.NoError(t, err, name)
		for reader, err := range everyReader(tr, "a", 0) {
			switch {
			case reader == "walk":
				require.NoError(t, err, "it does not read leaves")
			case name != "the right one":
				require.ErrorIs(t, err, tree.ErrNode, "%s: %s", name, reader)
			case reader != "verify":
				require.NoError(t, err, "%s: %s", name, reader)
			}
		}
		_, err = tr.Apply(s, []tree.Change{put("a", "other")})
		require.Equal(t, name == "the right one", err == nil, name)
	}
}

func TestChildThatReachesIntoItsNeighbourIsRefused(t *testing.T) {
	for _, first := range []string{"a", "b"} {
		s := newStore()
		root := inner(1,
			child("b", 2, s.add(leaf("a", "1", "b", "2"))),
			child("d", 2, s.add(leaf(first, "3", "d", "4"))))
		tr, err := tree.Open(s, s.add(root))
		require.NoError(t, err)
		_, _, err = tr.Get([]byte("d"))
		require.ErrorIs(t, err, tree.ErrNode, "its first key is %s", first)
	}
}

func TestBoundsHoldDownThroughTheLevels(t *testing.T) {
	s := newStore()
	near := inner(1, child("b", 1, s.add(leaf("b", "2"))), child("c", 1, s.add(leaf("c", "3"))))
	for _, first := range []string{"b", "c"} {
		far := inner(1, child("d", 2, s.add(leaf(first, "again", "d", "4"))), child("e", 1, s.add(leaf("e", "5"))))
		tr, err := tree.Open(s, s.add(inner(2, child("c", 2, s.add(near)), child("e", 3, s.add(far)))))
		require.NoError(t, err)
		_, _, err = tr.Get([]byte("d"))
		require.ErrorIs(t, err, tree.ErrNode)
	}
}

func TestTreeAsHighAsCanBeDoesNotGrow(t *testing.T) {
	s := newStore()
	id := s.add(leaf("z", "1"))
	for level := range uint64(62) {
		id = s.add(inner(level+1, child("z", 1, id)))
	}
	root := inner(63)
	for _, key := range "abcdefghijz" {
		root.items = append(root.items, child(string(key), 1, id)...)
	}
	tr, err := tree.Open(s, s.add(root))
	require.NoError(t, err)
	_, found := mustGet(t, tr, "z")
	require.True(t, found)
	_, err = tr.Apply(s, []tree.Change{del("z")})
	require.ErrorIs(t, err, tree.ErrNode)
	require.ErrorContains(t, err, "more than 64 levels")
}

func TestTreeOfAnotherShapeIsFoundOut(t *testing.T) {
	s := newStore()
	long := strings.Repeat("v", 600)
	ends := leaf("a", long) // larger than any leaf may become
	for name, root := range map[string]raw{
		"cut too early": inner(1, child("a", 1, s.add(leaf("a", "1"))), child("b", 1, s.add(leaf("b", "2")))),
		"cut too late": inner(1, child("a", 1, s.add(ends)),
			child("f", 2, s.add(leaf("e", strings.Repeat("v", 200), "f", "2")))),
	} {
		tr, err := tree.Open(s, s.add(root))
		require.NoError(t, err, name)
		_, found := mustGet(t, tr, "a")
		require.True(t, found, name)
		require.ErrorIs(t, tr.Verify(), tree.ErrShape, name)
	}
	tr, err := tree.Open(s, s.add(inner(1, child("a", 1, s.add(ends)), child("b", 1, s.add(leaf("b", "2"))))))
	require.NoError(t, err)
	require.NoError(t, tr.Verify(), "the cases are made from a good tree")
}

// Whatever the bytes of a node, they are refused, or read without a panic; and if they
// pass Verify they are the only bytes for their pairs.
func FuzzNode(f *testing.F) {
	s := newStore()
	tr := build(f, s, 128, numbered(40, 10))
	for _, level := range nodes(f, tr) {
		f.Add(s.blobs[level[0]])
	}
	f.Add(leaf("a", "1", "b", "2").encode())
	f.Add(append(leaf("a").encode(), blob.AppendLink(nil, tr.Root())...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &store{blobs: maps.Clone(s.blobs)}
		id, err := s.Put(blob.DAGCBOR, b)
		require.NoError(t, err)
		hostile, err := tree.Open(s, id)
		if err != nil {
			require.ErrorIs(t, err, tree.ErrNode)
			return
		}
		require.NoError(t, cbor.Scan(b, cbor.Limits{Items: 1 << 20}, 42))
		for _, err := range everyReader(hostile, number(20), 0) {
			if err != nil {
				return
			}
		}
		again, err := tree.Build(s, hostile.Params(), hostile.Range(nil, nil))
		require.NoError(t, err)
		require.Equal(t, id, again.Root())
	})
}
