package dir_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// sizes are numbers of entries around the one where a directory becomes a tree.
var sizes = []int{0, 1, 2, dir.MaxInline - 1, dir.MaxInline, dir.MaxInline + 1, 3000}

func TestADirectoryReadsAsItWasSaved(t *testing.T) {
	s := newStore()
	for _, n := range sizes {
		want := many(t, s, n)
		d, err := dir.Load(s, save(t, s, want...))
		require.NoError(t, err)
		require.EqualValues(t, n, d.Len())
		got, err := collect(d.Entries())
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got))
		for _, e := range want {
			got, found, err := d.Lookup(e.Name)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, e, got)
		}
		for _, name := range []string{"", ".", "file", "file 000000x", "zzz", "../x", strings.Repeat("x", 2000)} {
			_, found, err := d.Lookup(name)
			require.NoError(t, err)
			require.False(t, found, "%q", name)
		}
	}
}

func TestTheSameEntriesHaveTheSameIDInWhateverOrderTheyCome(t *testing.T) {
	s := newStore()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range sizes {
		entries := many(t, s, n)
		want := save(t, s, entries...)
		random.Shuffle(n, func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		before := slices.Clone(entries)
		require.Equal(t, want, save(t, s, entries...))
		require.Equal(t, before, entries, "the caller's entries were moved")
	}
}

func TestEveryAttributeIsPartOfTheID(t *testing.T) {
	s := newStore()
	e := fileEntry(t, s, "name", "text")
	seen := map[blob.ID]bool{save(t, s, e): true, save(t, s): true}
	for _, change := range []func(*dir.Entry){
		func(e *dir.Entry) { e.Name = "other" },
		func(e *dir.Entry) { e.Mode = 0o600 },
		func(e *dir.Entry) { e.Size++ },
		func(e *dir.Entry) { e.Mtime++ },
		func(e *dir.Entry) { e.Mtime = -e.Mtime },
		func(e *dir.Entry) { e.Link = contents(t, s, "xyz") },
		func(e *dir.Entry) { *e = dirEntry("name", save(t, s)) },
		func(e *dir.Entry) { *e = symlink("name", "a") },
		func(e *dir.Entry) { *e = symlink("name", "b") },
	} {
		other := e
		change(&other)
		id := save(t, s, other)
		require.False(t, seen[id], "%+v", other)
		seen[id] = true
	}
}

func TestAChangeInALargeDirectoryWritesAFewBlobs(t *testing.T) {
	s := newStore()
	entries := many(t, s, 20_000)
	save(t, s, entries...)
	before, err := s.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	entries[10_000].Mtime++
	save(t, s, entries...)
	after, err := s.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	require.Greater(t, len(before), 50)
	require.LessOrEqual(t, len(after)-len(before), 8)
}

func TestACollectorFindsAllThatADirectoryLeadsTo(t *testing.T) {
	s := newStore()
	entries := many(t, s, 400)
	for i := range entries {
		entries[i].Link = contents(t, s, entries[i].Name)
	}
	large := save(t, s, entries...)
	root := save(t, s, fileEntry(t, s, "f", "text"), dirEntry("large", large))
	ids, err := collect(history.Mark(s, root))
	require.NoError(t, err)
	all, err := s.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	require.Len(t, ids, len(all)-1) // all but "same contents", which many has put
}

// hostileNames are no steps down from a directory.
var hostileNames = []string{
	"", ".", "..", "/", "a/b", "../x", "/etc/passwd", "a/", "./a", "a\x00", "\x00", "\xff", "a\xc0\xaf",
	strings.Repeat("n", dir.MaxName+1),
}

func TestEntriesThatNoDirectoryCanHaveAreNotSaved(t *testing.T) {
	s := newStore()
	good := fileEntry(t, s, "good", "text")
	bad := []dir.Entry{}
	add := func(change func(*dir.Entry)) {
		e := good
		change(&e)
		bad = append(bad, e)
	}
	for _, name := range hostileNames {
		add(func(e *dir.Entry) { e.Name = name })
		add(func(e *dir.Entry) { *e = symlink(name, "x") })
	}
	add(func(e *dir.Entry) { e.Kind = "" })
	add(func(e *dir.Entry) { e.Kind = "device" })
	add(func(e *dir.Entry) { e.Mode = 0o4755 })
	add(func(e *dir.Entry) { e.Mode |= fs.ModeSetuid })
	add(func(e *dir.Entry) { e.Size = -1 })
	add(func(e *dir.Entry) { e.Link = blob.ID{} })
	add(func(e *dir.Entry) { e.Target = "x" })
	add(func(e *dir.Entry) { *e = dirEntry("good", good.Link) }) // raw bytes
	add(func(e *dir.Entry) { *e = dirEntry("good", save(t, s)); e.Size = 1 })
	add(func(e *dir.Entry) { *e = dirEntry("good", blob.ID{}) })
	for _, target := range []string{"", "a\x00b", "\xff", strings.Repeat("t", dir.MaxTarget+1)} {
		add(func(e *dir.Entry) { *e = symlink("good", target) })
	}
	add(func(e *dir.Entry) { *e = symlink("good", "x"); e.Mode = 0o777 })
	add(func(e *dir.Entry) { *e = symlink("good", "x"); e.Mtime = 1 })
	add(func(e *dir.Entry) { *e = symlink("good", "x"); e.Link = good.Link })
	for _, e := range bad {
		require.ErrorIs(t, e.Validate(), dir.ErrEntry, "%+v", e)
		_, err := dir.Save(s, []dir.Entry{e})
		require.ErrorIs(t, err, dir.ErrEntry, "%+v", e)
	}
	_, err := dir.Save(s, []dir.Entry{good, good})
	require.ErrorIs(t, err, dir.ErrEntry)
	tally.Add(t, "badinputs", len(bad))
}

type fields = map[string]any

// put stores an object that claims to be a directory.
func put(t testing.TB, s blob.Store, f fields) blob.ID {
	t.Helper()
	id, err := object.Save(s, f)
	require.NoError(t, err)
	return id
}

// putEntries stores a directory without a look at its entries.
func putEntries(t testing.TB, s blob.Store, entries ...fields) blob.ID {
	return put(t, s, fields{"v": 1, "kind": "dir", "entries": entries})
}

func TestHostileDirectoriesAreRefusedOnReading(t *testing.T) {
	s := newStore()
	link := contents(t, s, "text")
	entry := func(change func(fields)) fields {
		f := fields{"name": "a", "kind": "file", "mode": 0o644, "size": 4, "mtime": 1, "link": link}
		change(f)
		return f
	}
	same := func(fields) {}
	set := func(key string, v any) fields { return entry(func(f fields) { f[key] = v }) }
	large := make([]fields, dir.MaxInline+1)
	for i, e := range many(t, s, len(large)) {
		large[i] = set("name", e.Name)
	}
	bad := []blob.ID{
		link,
		put(t, s, fields{}),
		put(t, s, fields{"v": 2, "kind": "dir"}),
		put(t, s, fields{"v": 1, "kind": "file"}),
		put(t, s, fields{"v": 1, "kind": "dir", "more": 1}),
		put(t, s, fields{"v": 1, "kind": "dir", "entries": []fields{}}),
		put(t, s, fields{"v": 1, "kind": "dir", "tree": nil}),
		put(t, s, fields{"v": 1, "kind": "dir", "entries": []fields{entry(same)}, "tree": save(t, s)}),
		putEntries(t, s, entry(same), entry(same)),
		putEntries(t, s, set("name", "b"), entry(same)),
		putEntries(t, s, large...),
		putEntries(t, s, set("more", 1)),
		putEntries(t, s, set("mode", 0)),
		putEntries(t, s, set("mode", -1)),
		putEntries(t, s, set("mode", 1<<31|0o755)),
		putEntries(t, s, set("size", -4)),
		putEntries(t, s, set("size", 4.0)),
		putEntries(t, s, set("kind", "socket")),
		putEntries(t, s, set("kind", "dir")),
		putEntries(t, s, set("target", "/etc")),
		putEntries(t, s, set("link", link.String())),
	}
	for _, name := range hostileNames {
		if id, err := object.Save(s, fields{"v": 1, "kind": "dir", "entries": []fields{set("name", name)}}); err == nil {
			bad = append(bad, id)
		}
	}
	for _, id := range bad {
		_, err := dir.Load(s, id)
		require.ErrorIs(t, err, dir.ErrMalformed)
		require.ErrorContains(t, err, id.String())
	}
	tally.Add(t, "badinputs", len(bad))
}

// largeDirectory stores a large directory over a tree with these pairs.
func largeDirectory(t testing.TB, s blob.Store, p tree.Params, pairs []tree.Pair) blob.ID {
	t.Helper()
	built, err := tree.Build(s, p, func(yield func(tree.Pair, error) bool) {
		for _, p := range pairs {
			if !yield(p, nil) {
				return
			}
		}
	})
	require.NoError(t, err)
	return put(t, s, fields{"v": 1, "kind": "dir", "tree": built.Root()})
}

// pairsOf returns what is in the tree of a large directory.
func pairsOf(t testing.TB, s blob.Store, n int) []tree.Pair {
	t.Helper()
	id := save(t, s, many(t, s, n)...)
	for link := range history.Mark(s, id) {
		if root, err := tree.Open(s, link); err == nil {
			pairs, err := collect(root.Range(nil, nil))
			require.NoError(t, err)
			return pairs
		}
	}
	require.Fail(t, "no tree")
	return nil
}

func TestHostileLargeDirectoriesAreRefusedOnReading(t *testing.T) {
	s := newStore()
	pairs := pairsOf(t, s, 300)
	d, err := dir.Load(s, largeDirectory(t, s, tree.Params{}, pairs))
	require.NoError(t, err)
	require.EqualValues(t, 300, d.Len())
	for name, id := range map[string]blob.ID{
		"as few as in a small one": largeDirectory(t, s, tree.Params{}, pairs[:dir.MaxInline]),
		"nodes of another size":    largeDirectory(t, s, tree.Params{Target: 1024}, pairs),
	} {
		_, err := dir.Load(s, id)
		require.ErrorIs(t, err, dir.ErrMalformed, name)
	}
	_, err = dir.Load(s, put(t, s, fields{"v": 1, "kind": "dir", "tree": save(t, s)}))
	require.ErrorIs(t, err, tree.ErrNode)
	for name, change := range map[string]func(*tree.Pair){
		"a name that leads out": func(p *tree.Pair) { p.Key = []byte("a/../../x") },
		"no link":               func(p *tree.Pair) { p.Value.Link = blob.ID{} },
		"no object":             func(p *tree.Pair) { p.Value.Bytes = []byte("x") },
		"a name inside":         func(p *tree.Pair) { p.Value.Bytes = encode(t, fields{"kind": "file", "name": "x"}) },
		"a link inside":         func(p *tree.Pair) { p.Value.Bytes = encode(t, fields{"kind": "file", "link": p.Value.Link}) },
	} {
		bad := slices.Clone(pairs)
		change(&bad[0])
		d, err := dir.Load(s, largeDirectory(t, s, tree.Params{}, bad))
		require.NoError(t, err, name)
		got, err := collect(d.Entries())
		require.ErrorIs(t, err, dir.ErrMalformed, name)
		require.Empty(t, got, name)
		_, _, err = d.Lookup("file 000000")
		if string(bad[0].Key) == "file 000000" {
			require.ErrorIs(t, err, dir.ErrMalformed, name)
		}
	}
}

func encode(t testing.TB, v any) []byte {
	b, err := object.Encode(v)
	require.NoError(t, err)
	return b
}

func TestErrorsOfTheStoreKeepTheirIdentity(t *testing.T) {
	s := newStore()
	missing := blob.Sum(blob.DAGCBOR, nil)
	_, err := dir.Load(s, missing)
	require.ErrorIs(t, err, blob.ErrNotFound)
	for _, n := range []int{3, 300} {
		entries := many(t, s, n)
		id := save(t, s, entries...)
		for call := 1; ; call++ {
			s.reset()
			s.failAt = call
			_, errSave := dir.Save(s, entries)
			d, err := dir.Load(s, id)
			if err == nil {
				_, err = collect(d.Entries())
			}
			if s.calls < call {
				break
			}
			require.ErrorIs(t, errors.Join(errSave, err), errDisk, "call %d", call)
		}
		s.reset()
	}
}

func FuzzADirectoryThatIsReadIsSavedAsTheSameBytes(f *testing.F) {
	s := newStore()
	for _, id := range []blob.ID{
		save(f, s),
		save(f, s, fileEntry(f, s, "a", "text"), symlink("b", "../a"), dirEntry("c", save(f, s))),
		put(f, s, fields{"v": 1, "kind": "dir", "tree": save(f, s)}),
	} {
		b, err := s.Get(id)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := blob.NewMemory()
		id, err := s.Put(blob.DAGCBOR, b)
		if err != nil {
			return
		}
		d, err := dir.Load(s, id)
		if err != nil {
			return
		}
		entries, err := collect(d.Entries())
		require.NoError(t, err)
		require.Equal(t, id, save(t, s, entries...))
	})
}
