package dir_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/dir"
)

// lines returns a Diff as lines like "+ a/b".
func lines(t require.TestingT, s blob.Store, a, b blob.ID) []string {
	all := []string{}
	for c, err := range dir.Diff(s, a, b) {
		require.NoError(t, err)
		switch {
		case c.Before == nil:
			all = append(all, "+ "+c.Path)
		case c.After == nil:
			all = append(all, "- "+c.Path)
		default:
			all = append(all, "~ "+c.Path)
		}
	}
	return all
}

func TestADiffTellsWhatWasAddedRemovedAndChanged(t *testing.T) {
	s := newStore()
	one, two := fileEntry(t, s, "f", "one"), fileEntry(t, s, "f", "two")
	same := dirEntry("same", save(t, s, one))
	newer := dirEntry("newer", save(t, s, one))
	a := save(t, s, same, newer, dirEntry("inner", save(t, s, one)), dirEntry("gone", save(t, s, one)),
		dirEntry("kind", save(t, s, one)), symlink("link", "a"))
	newer.Mtime++
	file := one
	file.Name = "kind"
	b := save(t, s, same, newer, dirEntry("inner", save(t, s, two)), dirEntry("fresh", save(t, s, one)),
		file, symlink("link", "b"))
	want := []string{
		"+ fresh", "+ fresh/f", "- gone", "- gone/f", "~ inner/f", "~ kind", "- kind/f", "~ link", "~ newer",
	}
	require.Empty(t, cmp.Diff(want, lines(t, s, a, b)))
	require.Empty(t, lines(t, s, a, a))
	for c := range dir.Diff(s, a, b) {
		if c.Path == "inner/f" {
			require.Equal(t, one, *c.Before)
			require.Equal(t, two, *c.After)
		}
	}
}

func TestADiffReadsNothingThatBothHave(t *testing.T) {
	s := newStore()
	wide := []dir.Entry{}
	for i := range 100 {
		wide = append(wide, dirEntry(fmt.Sprintf("d%03d", i), save(t, s, fileEntry(t, s, fmt.Sprint(i), "x"))))
	}
	a := save(t, s, wide...)
	wide[50].Link = save(t, s, fileEntry(t, s, "new", "x"))
	b := save(t, s, wide...)
	s.reset()
	require.Equal(t, []string{"- d050/50", "+ d050/new"}, lines(t, s, a, b))
	require.Len(t, s.gets, 4)

	wide[50].Mtime++
	c := save(t, s, wide...)
	s.reset()
	require.Equal(t, []string{"~ d050"}, lines(t, s, b, c))
	require.Empty(t, lines(t, s, c, c))
	require.Len(t, s.gets, 2)

	large := many(t, s, 20_000)
	a = save(t, s, large...)
	large[7].Size++
	b = save(t, s, large...)
	s.reset()
	require.Equal(t, []string{"~ file 000007"}, lines(t, s, a, b))
	require.LessOrEqual(t, len(s.gets), 12)
}

// A Diff is what two lists side by side show, on both sides of where a directory becomes
// a tree.
func TestDiffsOfLargeAndSmallDirectoriesAgreeWithTheirEntries(t *testing.T) {
	s := newStore()
	all := many(t, s, 600)
	rapid.Check(t, func(r *rapid.T) {
		pick := func(name string) (map[string]dir.Entry, blob.ID) {
			entries, set := []dir.Entry{}, map[string]dir.Entry{}
			first := rapid.IntRange(0, len(all)).Draw(r, name+" from")
			last := rapid.IntRange(first, len(all)).Draw(r, name+" to")
			changed := rapid.IntRange(1, 100).Draw(r, name+" changed")
			for i, e := range all[first:last] {
				if (first+i)%changed == 1 {
					e.Size++
				}
				entries, set[e.Name] = append(entries, e), e
			}
			return set, save(t, s, entries...)
		}
		a, idA := pick("a")
		b, idB := pick("b")
		want := []string{}
		for _, e := range all {
			x, inA := a[e.Name]
			y, inB := b[e.Name]
			switch {
			case inA && !inB:
				want = append(want, "- "+e.Name)
			case !inA && inB:
				want = append(want, "+ "+e.Name)
			case x != y:
				want = append(want, "~ "+e.Name)
			}
		}
		require.Equal(r, want, lines(r, s, idA, idB))
	})
}

func TestADiffEndsWithTheErrorOfTheStore(t *testing.T) {
	s := newStore()
	inner := save(t, s, fileEntry(t, s, "f", "x"))
	a := save(t, s, fileEntry(t, s, "a", "x"), dirEntry("b", inner), fileEntry(t, s, "c", "x"))
	require.True(t, s.Damage(inner))
	changes, err := collect(dir.Diff(s, save(t, s), a))
	require.ErrorIs(t, err, blob.ErrCorrupt)
	require.Len(t, changes, 2)
}
