package tally_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
)

func TestWhatManyTestsAddIsSummed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tally")
	t.Setenv(tally.File, file)
	var adders sync.WaitGroup
	for range 20 {
		adders.Go(func() {
			tally.Add(t, "schedules", 50)
			tally.Add(t, "faults", 7)
		})
	}
	adders.Wait()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	sum, err := tally.Sum(f)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(map[string]int{"schedules": 1000, "faults": 140}, sum))
	require.Equal(t, "tally: faults=140 schedules=1000", tally.Format(sum))
}

func TestWithoutAFileNothingIsWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(tally.File, "")
	tally.Add(t, "schedules", 1)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestLinesThatAreNoTallyAreRefused(t *testing.T) {
	sum, err := tally.Sum(strings.NewReader("tally: a=1 b=2\ntally: a=3\n"))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(map[string]int{"a": 4, "b": 2}, sum))
	for _, bad := range []string{"schedules=1", "tally: schedules", "tally: schedules=many", "tally: a=1 b=-2"} {
		_, err := tally.Sum(strings.NewReader(bad))
		require.ErrorContains(t, err, "tally: ", bad)
	}
}
