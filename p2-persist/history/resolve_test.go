package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/history"
)

// noon is when the tests look back.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// past makes main with a snapshot at each of these times.
func past(t *testing.T) (*world, []blob.ID) {
	w := newWorld(t)
	ids, parents := []blob.ID{}, []blob.ID{}
	for i, ago := range []time.Duration{30 * 24 * time.Hour, 8 * 24 * time.Hour, 4 * time.Hour, 30 * time.Minute} {
		id := w.commit("main", fmt.Sprintf("number %d", i), noon.Add(-ago).UnixNano(), parents...)
		ids, parents = append(ids, id), []blob.ID{id}
	}
	require.NoError(t, w.Tag("v1", ids[1]))
	return w, ids
}

func TestTimeTravel(t *testing.T) {
	w, ids := past(t)
	for spec, want := range map[string]int{
		"main":   3,
		"v1":     1,
		"main~":  2,
		"main~0": 3,
		"main~2": 1,
		"main~~": 1,
		"v1~1":   0,

		"main@2026-03-10T12:00:00Z":      3,
		"main@2026-03-10T11:30:00Z":      3, // at this very moment
		"main@2026-03-10T11:29:59Z":      2,
		"main@2026-03-10T11:30:00+01:00": 2,
		"main@2026-03-10T08:00":          2,
		"main@2026-03-10T07:59":          1,
		"main@2026-03-10":                1,
		"main@2026-02-20":                0,
		"main@{2026-02-20}":              0,
		"main@2100-01-01":                3,

		"main@{0s ago}":     3,
		"main@{3h ago}":     2,
		"main@{3h30m ago}":  2,
		"main@-3h":          2,
		"main@{-3h}":        2,
		"main@-4h":          2,
		"main@-1d":          1,
		"main@{1w ago}":     1,
		"main@-2w":          0,
		"main~1@{1w ago}~1": 0,
		"main@-3h~1":        1,
		"main@-3h~":         1,

		ids[2].String():               2,
		ids[2].String()[:20] + "~":    1,
		ids[0].String() + "@-1w":      0,
		ids[3].String()[:14] + "@-5m": 3,
	} {
		id, err := w.Resolve(spec, noon)
		require.NoError(t, err, spec)
		require.Equal(t, ids[want], id, "%s: want number %d", spec, want)
	}
}

func TestASpecThatMeansNothingIsRefusedWithWhatWouldBeRight(t *testing.T) {
	w, ids := past(t)
	text := ids[3].String()
	for spec, want := range map[string]struct {
		err  error
		says string
	}{
		"":                        {history.ErrSpec, "want a branch, a tag or an ID in front"},
		"~2":                      {history.ErrSpec, "in front"},
		"@-3h":                    {history.ErrSpec, "in front"},
		"mian":                    {history.ErrUnknown, "there are: main, v1"},
		"../main":                 {history.ErrUnknown, "there are: main, v1"},
		"main~x":                  {history.ErrSpec, "number of steps back"},
		"main~-1":                 {history.ErrSpec, "number of steps back"},
		"main~99999999999":        {history.ErrSpec, "number of steps back"},
		"main~4":                  {history.ErrUnknown, "only 3 steps back is the first"},
		"main@":                   {history.ErrSpec, "{3h ago}"},
		"main@yesterday":          {history.ErrSpec, "{3h ago}"},
		"main@{3h ago":            {history.ErrSpec, "{3h ago}"},
		"main@{soon ago}":         {history.ErrSpec, "{3h ago}"},
		"main@--3h":               {history.ErrSpec, "{3h ago}"},
		"main@-99999999d":         {history.ErrSpec, "{3h ago}"},
		"main@2026-02-30":         {history.ErrSpec, "{3h ago}"},
		"main@1500-01-01":         {history.ErrSpec, "out of range"},
		"main@9999-01-01":         {history.ErrSpec, "out of range"},
		"main@2025-01-01":         {history.ErrUnknown, "the first snapshot is of 2026-02-08T12:00:00Z"},
		"bafyrei":                 {history.ErrSpec, "want 11 to 59"},
		text[:10]:                 {history.ErrSpec, "want 11 to 59"},
		text + "a":                {history.ErrSpec, "want 11 to 59"},
		text[:20] + "18":          {history.ErrSpec, "a to z and 2 to 7"},
		"bafyreiaaaaaaaaaaaa":     {history.ErrUnknown, "no snapshot's ID begins so"},
		"bafyreia777777777777777": {history.ErrUnknown, "no snapshot's ID begins so"},
	} {
		_, err := w.Resolve(spec, noon)
		require.ErrorIs(t, err, want.err, spec)
		require.ErrorContains(t, err, want.says, spec)
	}
	tally.Add(t, "badinputs", 25)
}

func TestABranchGoesBeforeATagAndBothBeforeAnIDThatLooksLikeThem(t *testing.T) {
	w, ids := past(t)
	require.NoError(t, w.SetBranch("v1", blob.ID{}, ids[2]))
	require.Equal(t, ids[2], w.tip("v1"))
	prefix := ids[0].String()[:15]
	require.NoError(t, w.Tag(prefix, ids[3]))
	require.Equal(t, ids[3], w.tip(prefix))
	require.Equal(t, ids[0], w.tip(ids[0].String()[:16]))
}

func TestAPrefixOfTwoSnapshotsIsAmbiguousAndOneOfAnotherBlobDoesNotCount(t *testing.T) {
	w := newWorld(t)
	root := w.root("r")
	byPrefix := map[string]blob.ID{}
	const length = 11 // 2 bits and 4 letters are known to begin alike in a thousand or so
	for i := int64(0); ; i++ {
		id, err := history.Save(w.blobs, history.Snapshot{Root: root, Time: i})
		require.NoError(t, err)
		prefix := id.String()[:length]
		first, found := byPrefix[prefix]
		if !found {
			byPrefix[prefix] = id
			continue
		}
		_, err = w.Resolve(prefix, noon)
		require.ErrorIs(t, err, history.ErrAmbiguous)
		require.ErrorContains(t, err, first.String())
		require.ErrorContains(t, err, id.String())
		require.Equal(t, id, w.tip(id.String()))

		require.NoError(t, w.blobs.Delete([]blob.ID{first}))
		require.Equal(t, id, w.tip(prefix))
		return
	}
}

func TestTimeTravelRefusesAPastThatIsNotSorted(t *testing.T) {
	w := newWorld(t)
	parent := w.commit("main", "parent", noon.UnixNano())
	child, err := history.Save(w.blobs, w.snapshot("child", noon.UnixNano()-1, parent))
	require.NoError(t, err)
	for _, spec := range []string{"~1", "@-3h"} {
		_, err = w.Resolve(child.String()+spec, noon)
		require.ErrorIs(t, err, history.ErrMalformed)
	}
}

func FuzzResolveTakesAnySpec(f *testing.F) {
	w := newWorld(f)
	ids := w.line("main", 3)
	for _, spec := range []string{"main~2", "main@{3h ago}", "main@-1d~", "main@2026-01-02T15:04:05Z", ids[0].String() + "~~"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		id, err := w.Resolve(spec, noon)
		require.Equal(t, err != nil, id.IsZero(), "%q: %v", spec, err)
	})
}
