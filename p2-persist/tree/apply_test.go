package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

func TestTreeHoldsWhatAMapHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		want := model{}
		tr := build(t, s, tree.MinTarget, want)
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			changes := randomChanges(random(rapid.Uint64().Draw(t, "seed")), 60, 120)
			want.apply(changes)
			tr = apply(t, s, tr, changes...)
			require.Empty(t, cmp.Diff(want, contents(t, tr)))
			require.Equal(t, uint64(len(want)), tr.Len())
		}
		for i := range 120 {
			number := fmt.Sprintf("%03d", i)
			for _, key := range []string{number, number[:2], number[:1]} {
				v, found, err := tr.Get([]byte(key))
				require.NoError(t, err)
				w, ok := want[key]
				require.Equal(t, ok, found)
				require.True(t, w.Equal(v))
			}
		}
	})
}

func TestOldTreesStayAsTheyWere(t *testing.T) {
	s := newStore()
	type version struct {
		tree tree.Tree
		want model
	}
	var versions []version
	now := numbered(400, 30)
	tr := build(t, s, 256, now)
	r := random(1)
	for range 40 {
		was := model{}
		for k, v := range now {
			was[k] = v
		}
		versions = append(versions, version{tr, was})
		changes := randomChanges(r, 30, 1000)
		now.apply(changes)
		tr = apply(t, s, tr, changes...)
	}
	s.check(t)
	for _, v := range versions {
		again, err := tree.Open(s, v.tree.Root())
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(v.want, contents(t, again)))
		require.Empty(t, cmp.Diff(v.want, contents(t, v.tree)))
	}
}

func TestChangesBelongToTheCallerAgain(t *testing.T) {
	s := newStore()
	key, value := []byte("key"), []byte("value")
	tr := build(t, s, 0, model{"a": text("1")})
	tr, err := tr.Apply(s, []tree.Change{{Key: key, Value: tree.Value{Bytes: value}}})
	require.NoError(t, err)
	copy(key, "xxx")
	copy(value, "yyyyy")
	require.Empty(t, cmp.Diff(model{"a": text("1"), "key": text("value")}, contents(t, tr)))
}

func TestNothingIsPutWhenNothingChanges(t *testing.T) {
	s := newStore()
	m := numbered(3000, 30)
	tr := build(t, s, 256, m)
	for name, changes := range map[string][]tree.Change{
		"no changes":        nil,
		"same value":        {{Key: []byte(number(1500)), Value: m[number(1500)]}},
		"same last value":   {{Key: []byte(number(2999)), Value: m[number(2999)]}},
		"absent key":        {del("absent")},
		"key before all":    {del("a")},
		"keys here and far": {del("a"), {Key: []byte(number(7)), Value: m[number(7)]}, del(number(7) + "x"), del("z")},
	} {
		s.reset()
		same := apply(t, s, tr, changes...)
		require.Equal(t, tr.Root(), same.Root(), name)
		require.Zero(t, s.puts, name)
	}
}

func TestOneChangeOfManyKeysWritesItsPath(t *testing.T) {
	s := newStore()
	m := numbered(100_000, 40)
	tr := build(t, s, 0, m)
	depth := tr.Height()
	r := random(1)
	kinds := map[string]func(i int) tree.Change{
		"value": func(i int) tree.Change {
			return tree.Change{Key: []byte(number(i)), Value: tree.Value{Bytes: bytes.Repeat([]byte("z"), 40)}}
		},
		"insert": func(i int) tree.Change { return put(number(i)+"+", "a new value of about forty bytes, or so") },
		"delete": func(i int) tree.Change { return del(number(i)) },
		"longer": func(i int) tree.Change { return put(number(i), padding) },
	}
	for name, change := range kinds {
		puts, gets, worst := 0, 0, 0
		const rounds = 200
		for range rounds {
			s.reset()
			apply(t, s, tr, change(r.IntN(100_000)))
			puts, gets, worst = puts+s.puts, gets+s.gets, max(worst, s.puts)
		}
		t.Logf("%s: %.2f puts (at most %d) and %.2f gets for %d levels",
			name, float64(puts)/rounds, worst, float64(gets)/rounds, depth)
		if name == "value" {
			require.Equal(t, depth, worst, name)
		}
		require.LessOrEqual(t, worst, depth+4, name)
		require.LessOrEqual(t, puts, rounds*(depth+1), name)
		require.LessOrEqual(t, gets, rounds*(depth+2), name)
	}
}

func TestApplyRefusesWhatItCannotKeep(t *testing.T) {
	s := newStore()
	tr := build(t, s, 0, model{"a": text("1")})
	badLink := tree.Value{Link: blob.ID{1, 2, 3}}
	long := make([]byte, tree.MaxValue+1)
	for name, c := range map[string]struct {
		changes []tree.Change
		want    error
	}{
		"descending keys": {[]tree.Change{put("c", ""), put("b", "")}, tree.ErrOrder},
		"a key twice":     {[]tree.Change{put("b", ""), del("b")}, tree.ErrOrder},
		"empty key":       {[]tree.Change{put("", "1")}, tree.ErrKey},
		"empty key gone":  {[]tree.Change{del("")}, tree.ErrKey},
		"long key":        {[]tree.Change{put(string(make([]byte, tree.MaxKey+1)), "1")}, tree.ErrKey},
		"long value":      {[]tree.Change{{Key: []byte("b"), Value: tree.Value{Bytes: long}}}, tree.ErrValue},
		"bad link":        {[]tree.Change{{Key: []byte("b"), Value: badLink}}, tree.ErrValue},
	} {
		s.reset()
		_, err := tr.Apply(s, c.changes)
		require.ErrorIs(t, err, c.want, name)
		require.Zero(t, s.puts, name)
	}
}

func TestBuildTakesPairsThatShareOneBuffer(t *testing.T) {
	s := newStore()
	m := numbered(300, 16)
	var buffer [32]byte
	tr, err := tree.Build(s, tree.Params{Target: 256}, func(yield func(tree.Pair, error) bool) {
		for p := range m.pairs() {
			copy(buffer[:16], p.Key)
			copy(buffer[16:], p.Value.Bytes)
			if !yield(tree.Pair{Key: buffer[:16], Value: tree.Value{Bytes: buffer[16:]}}, nil) {
				return
			}
		}
		clear(buffer[:])
	})
	require.NoError(t, err)
	require.Equal(t, build(t, s, 256, m).Root(), tr.Root())
}

func TestBuildRefusesWhatItCannotKeep(t *testing.T) {
	fails := errors.New("the pairs fail")
	pair := func(key, value string) tree.Pair { return tree.Pair{Key: []byte(key), Value: text(value)} }
	for name, c := range map[string]struct {
		pairs []tree.Pair
		err   error
		want  error
	}{
		"descending keys": {[]tree.Pair{pair("b", ""), pair("a", "")}, nil, tree.ErrOrder},
		"a key twice":     {[]tree.Pair{pair("b", ""), pair("b", "")}, nil, tree.ErrOrder},
		"empty key":       {[]tree.Pair{pair("", "")}, nil, tree.ErrKey},
		"long value":      {[]tree.Pair{pair("a", string(make([]byte, tree.MaxValue+1)))}, nil, tree.ErrValue},
		"failing pairs":   {[]tree.Pair{pair("a", "")}, fails, fails},
	} {
		_, err := tree.Build(newStore(), tree.Params{}, func(yield func(tree.Pair, error) bool) {
			for _, p := range c.pairs {
				if !yield(p, nil) {
					return
				}
			}
			if c.err != nil {
				yield(tree.Pair{}, c.err)
			}
		})
		require.ErrorIs(t, err, c.want, name)
	}
}

// full is a Sink whose n-th Put fails.
type full struct {
	*store
	left int
}

var errFull = errors.New("no space")

func (f *full) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	if f.left--; f.left < 0 {
		return blob.ID{}, errFull
	}
	return f.store.Put(codec, b)
}

func TestEveryPutThatFailsFailsTheApply(t *testing.T) {
	s := newStore()
	tr := build(t, s, 256, numbered(300, 30))
	changes := []tree.Change{del(number(3)), put(number(100)+"x", padding), put(number(150), padding+padding+padding)}
	for i := range 90 {
		changes = append(changes, put(number(200+i)+"x", padding), put(fmt.Sprintf("z%03d", i), padding))
	}
	s.reset()
	want := apply(t, s, tr, changes...)
	puts := s.puts
	require.Greater(t, puts, 15)
	for n := range puts {
		_, err := tr.Apply(&full{s, n}, changes)
		require.ErrorIs(t, err, errFull)
	}
	got, err := tr.Apply(&full{s, puts}, changes)
	require.NoError(t, err)
	require.Equal(t, want.Root(), got.Root())
}

func TestEveryPutThatFailsFailsTheBuild(t *testing.T) {
	m := numbered(100, 30)
	s := newStore()
	build(t, s, 256, m)
	for n := range s.puts {
		_, err := tree.Build(&full{newStore(), n}, tree.Params{Target: 256}, m.pairs())
		require.ErrorIs(t, err, errFull)
	}
}

func TestEveryNodeThatIsMissingFailsTheApply(t *testing.T) {
	s := newStore()
	tr := build(t, s, 256, numbered(1000, 30))
	path, err := tr.Prove([]byte(number(500)))
	require.NoError(t, err)
	for _, b := range path[1:] {
		id := blob.Sum(blob.DAGCBOR, b)
		delete(s.blobs, id)
		_, err := tr.Apply(s, []tree.Change{del(number(500))})
		require.ErrorIs(t, err, blob.ErrNotFound)
		s.blobs[id] = b
	}
}

func TestTreeWorksOverAnyBlobStore(t *testing.T) {
	m := numbered(500, 30)
	var s blob.Store = blob.NewMemory()
	tr, err := tree.Build(s, tree.Params{}, m.pairs())
	require.NoError(t, err)
	tr, err = tr.Apply(s, []tree.Change{put("a", "1")})
	require.NoError(t, err)
	m["a"] = text("1")
	again, err := tree.Open(s, tr.Root())
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(m, contents(t, again)))
}

func TestTreeCanBeCopiedToAnotherStore(t *testing.T) {
	from, to := newStore(), newStore()
	tr := build(t, from, 256, numbered(1000, 30))
	copied, err := tree.Build(to, tr.Params(), tr.Range(nil, nil))
	require.NoError(t, err)
	require.Equal(t, tr.Root(), copied.Root())
	require.NoError(t, copied.Verify())
}

func TestOneChangeOfAMillionKeysWritesItsPath(t *testing.T) {
	s := newStore()
	tr, err := tree.Build(s, tree.Params{}, ascending(1_000_000))
	require.NoError(t, err)
	r := random(1)
	for range 100 {
		s.reset()
		next := apply(t, s, tr, put(number(r.IntN(1_000_000)), "a new value of forty bytes, more or less"))
		require.Equal(t, tr.Height(), s.puts, "a node on each level")
		require.Equal(t, uint64(1_000_000), next.Len())
	}
}
