package history_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

func TestASnapshotReadsAsItWasSaved(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 5)
	want := w.snapshot("second, with\nmore lines", 7, first)
	id, err := history.Save(w.blobs, want)
	require.NoError(t, err)
	got, err := history.Load(w.blobs, id)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got))
}

func TestASnapshotIsAnObjectThatAnyToolCanRead(t *testing.T) {
	w := newWorld(t)
	s := w.snapshot("hello", 7)
	id, err := history.Save(w.blobs, s)
	require.NoError(t, err)
	b, err := w.blobs.Get(id)
	require.NoError(t, err)
	text, err := object.Diagnose(b)
	require.NoError(t, err)
	for _, part := range []string{`"v": 1`, `"kind": "snapshot"`, `"time": 7`, `"author": "Ada"`, `"message": "hello"`, s.Root.String(), `"parents": []`} {
		require.Contains(t, text, part)
	}
}

func TestSnapshotsOutOfBoundsAreNotSaved(t *testing.T) {
	w := newWorld(t)
	good := w.commit("main", "good", 1)
	many := []blob.ID{}
	for i := range history.MaxParents + 1 {
		many = append(many, blob.Sum(blob.DAGCBOR, []byte{byte(i)}))
	}
	for reason, change := range map[string]func(*history.Snapshot){
		"root":           func(s *history.Snapshot) { s.Root = blob.ID{} },
		"17 parents":     func(s *history.Snapshot) { s.Parents = many },
		"parent b":       func(s *history.Snapshot) { s.Parents = []blob.ID{good, good} },
		"want different": func(s *history.Snapshot) { s.Parents = []blob.ID{s.Root} },
		"author of":      func(s *history.Snapshot) { s.Author = strings.Repeat("a", history.MaxAuthor+1) },
		"one line":       func(s *history.Snapshot) { s.Author = "a\nb" },
		"message of":     func(s *history.Snapshot) { s.Message = strings.Repeat("m", history.MaxMessage+1) },
		"a time":         func(s *history.Snapshot) { s.Time = math.MaxInt64 },
	} {
		s := w.snapshot("s", 2)
		change(&s)
		_, err := history.Save(w.blobs, s)
		require.ErrorIs(t, err, history.ErrMalformed, reason)
		require.ErrorContains(t, err, reason)
		_, err = w.Commit("other", s)
		require.ErrorIs(t, err, history.ErrMalformed, reason)
	}
	s := w.snapshot("\xff", 2)
	_, err := history.Save(w.blobs, s)
	require.ErrorIs(t, err, object.ErrUnencodable)
}

func TestOtherObjectsAreNoSnapshots(t *testing.T) {
	w := newWorld(t)
	root := w.root("x")
	type fields = map[string]any
	good := func(change func(fields)) fields {
		f := fields{
			"v": 1, "kind": "snapshot", "root": root, "time": 1,
			"author": "a", "message": "m", "parents": []blob.ID{},
		}
		change(f)
		return f
	}
	for name, f := range map[string]fields{
		"another kind":    good(func(f fields) { f["kind"] = "file" }),
		"another version": good(func(f fields) { f["v"] = 2 }),
		"no root":         good(func(f fields) { delete(f, "root") }),
		"root is text":    good(func(f fields) { f["root"] = root.String() }),
		"null parents":    good(func(f fields) { f["parents"] = nil }),
		"raw parent":      good(func(f fields) { f["parents"] = []blob.ID{root} }),
		"unknown field":   good(func(f fields) { f["extra"] = 1 }),
		"time is a float": good(func(f fields) { f["time"] = 1.0 }),
		"line feeds":      good(func(f fields) { f["author"] = "a\x1b[2J" }),
	} {
		id, err := object.Save(w.blobs, f)
		require.NoError(t, err)
		_, err = history.Load(w.blobs, id)
		require.ErrorIs(t, err, history.ErrMalformed, name)
	}
	_, err := history.Load(w.blobs, root)
	require.ErrorIs(t, err, history.ErrMalformed)
	_, err = history.Load(w.blobs, blob.Sum(blob.DAGCBOR, nil))
	require.ErrorIs(t, err, blob.ErrNotFound)
	tally.Add(t, "badinputs", 11)
}

func TestACommitMovesTheBranchToTheNewSnapshot(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 1)
	require.Equal(t, first, w.tip("main"))
	second := w.commit("main", "second", 2, first)
	require.Equal(t, second, w.tip("main"))
	require.Equal(t, []string{"second", "first"}, w.log(second))
}

func TestACommitOnAnythingButTheTipIsAConflict(t *testing.T) {
	w := newWorld(t)
	ids := w.line("main", 3)
	for name, parents := range map[string][]blob.ID{
		"an old tip": {ids[1]}, "no parent": {}, "the tip in second place": {ids[0], ids[2]},
	} {
		_, err := w.Commit("main", w.snapshot("late", 9, parents...))
		require.ErrorIs(t, err, history.ErrConflict, name)
		require.Equal(t, ids[2], w.tip("main"))
	}
	_, err := w.Commit("new", w.snapshot("s", 9, ids[2]))
	require.ErrorIs(t, err, history.ErrConflict)
	require.ErrorContains(t, err, "no snapshot")
}

// racing lets somebody else move the head between a Get and the Set that follows.
type racing struct {
	*head.Store
	before func()
}

func (r racing) Set(name string, old uint64, id blob.ID) (head.Head, error) {
	r.before()
	return r.Store.Set(name, old, id)
}

func TestOfTwoCommitsOnOneTipOneIsAConflict(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 1)
	var faster blob.ID
	slow := history.New(w.blobs, racing{w.heads, func() { faster = w.commit("main", "faster", 2, first) }})
	_, err := slow.Commit("main", w.snapshot("slower", 2, first))
	require.ErrorIs(t, err, history.ErrConflict)
	require.Equal(t, faster, w.tip("main"))
}

func TestACommitIsDurableWithAllThatItNames(t *testing.T) {
	w := newWorld(t)
	id := w.commit("main", "first", 1)
	require.Zero(t, w.blobs.Unsynced())
	w.crash()
	require.Equal(t, id, w.tip("main"))
	s, err := history.Load(w.blobs, id)
	require.NoError(t, err)
	_, err = w.blobs.Get(s.Root)
	require.NoError(t, err)
}

func TestABranchStaysWhereItIsIfTheBlobsCannotBeMadeDurable(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 1)
	s := w.snapshot("second", 2, first)
	w.blobs.FailSync()
	_, err := w.Commit("main", s)
	require.ErrorIs(t, err, blob.ErrFailed)
	w.crash()
	require.Equal(t, first, w.tip("main"))
}

func TestNothingIsCommittedOnWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 1)
	missing := blob.Sum(blob.DAGCBOR, []byte("missing"))
	noRoot := w.snapshot("no root", 2, first)
	noRoot.Root = missing
	for _, s := range []history.Snapshot{noRoot, w.snapshot("no parent", 2, first, missing)} {
		_, err := w.Commit("main", s)
		require.ErrorIs(t, err, blob.ErrNotFound)
	}
	require.Equal(t, first, w.tip("main"))
}

func TestASnapshotIsLaterThanItsParentsWhateverTheClockSays(t *testing.T) {
	w := newWorld(t)
	first := w.commit("main", "first", 1000)
	for _, clock := range []int64{-5, 999, 1000} {
		id := w.commit("main", "late", clock, first)
		s, err := history.Load(w.blobs, id)
		require.NoError(t, err)
		require.EqualValues(t, 1001, s.Time)
		require.NoError(t, w.SetBranch("main", id, first))
	}
	last := w.snapshot("last", math.MaxInt64-1, first)
	id, err := w.Commit("main", last)
	require.NoError(t, err)
	_, err = w.Commit("main", w.snapshot("behind the end of time", 0, id))
	require.ErrorIs(t, err, history.ErrMalformed)
}

func TestBranchesAreListedMovedAndDeleted(t *testing.T) {
	w := newWorld(t)
	ids := w.line("main", 3)
	require.NoError(t, w.SetBranch("fix/größe-2", blob.ID{}, ids[0]))
	require.NoError(t, w.Tag("v1", ids[1]))
	_, err := w.heads.Set("something else", head.None, ids[0])
	require.NoError(t, err)

	branches, err := w.Branches()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]history.Ref{{"fix/größe-2", ids[0]}, {"main", ids[2]}}, branches))

	require.ErrorIs(t, w.SetBranch("main", ids[1], ids[0]), history.ErrConflict)
	require.ErrorIs(t, w.SetBranch("main", blob.ID{}, ids[0]), history.ErrConflict)
	require.NoError(t, w.SetBranch("main", ids[2], ids[1]))
	require.Equal(t, ids[1], w.tip("main"))

	require.ErrorIs(t, w.DeleteBranch("main", ids[2]), history.ErrConflict)
	require.NoError(t, w.DeleteBranch("main", ids[1]))
	require.ErrorIs(t, w.DeleteBranch("main", ids[1]), history.ErrUnknown)
	_, err = w.Resolve("main", time.Time{})
	require.ErrorIs(t, err, history.ErrUnknown)
}

func TestATagNeverMoves(t *testing.T) {
	w := newWorld(t)
	ids := w.line("main", 2)
	require.NoError(t, w.Tag("v1", ids[0]))
	require.NoError(t, w.Tag("v1", ids[0]))
	require.ErrorIs(t, w.Tag("v1", ids[1]), history.ErrExists)
	require.Equal(t, ids[0], w.tip("v1"))
	tags, err := w.Tags()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]history.Ref{{"v1", ids[0]}}, tags))
	require.NoError(t, w.DeleteTag("v1"))
	require.ErrorIs(t, w.DeleteTag("v1"), history.ErrUnknown)
}

func TestBranchesAndTagsNameSnapshotsOnly(t *testing.T) {
	w := newWorld(t)
	for _, id := range []blob.ID{w.root("no snapshot"), blob.Sum(blob.DAGCBOR, []byte("missing"))} {
		require.Error(t, w.SetBranch("main", blob.ID{}, id))
		require.Error(t, w.Tag("v1", id))
	}
	heads, err := w.heads.List()
	require.NoError(t, err)
	require.Empty(t, heads)
}

func TestNamesThatCouldBeTakenForSomethingElseAreRefused(t *testing.T) {
	w := newWorld(t)
	id := w.commit("main", "first", 1)
	bad := []string{
		"", "a~1", "a@b", "a b", "-a", "a-", ".", "..", "/a", "a/", "a\x00b", "a\nb", "{a}", "a:b",
		"\xff", strings.Repeat("a", history.MaxName+1),
	}
	for _, name := range bad {
		require.ErrorIs(t, w.SetBranch(name, blob.ID{}, id), history.ErrBadName, "%q", name)
		require.ErrorIs(t, w.Tag(name, id), history.ErrBadName, "%q", name)
		require.ErrorIs(t, w.DeleteBranch(name, id), history.ErrBadName, "%q", name)
		require.ErrorIs(t, w.DeleteTag(name), history.ErrBadName, "%q", name)
		_, err := w.Commit(name, w.snapshot("s", 1))
		require.ErrorIs(t, err, history.ErrBadName, "%q", name)
	}
	for _, name := range []string{"a", "1", "a/b", "über", "v1.0_rc-2", strings.Repeat("a", history.MaxName)} {
		require.NoError(t, w.Tag(name, id), "%q", name)
		require.NoError(t, w.SetBranch(name, blob.ID{}, id), "%q", name)
	}
	tally.Add(t, "badinputs", len(bad))
}
