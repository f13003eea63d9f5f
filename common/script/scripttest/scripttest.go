// Package scripttest makes golden scripts tests.
package scripttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/script"
)

// Rewrite is the environment variable that, when it is not empty, makes Run write
// the outputs into the scripts, for a person to read the difference.
const Rewrite = "DSS_REWRITE"

// Run runs every script that the pattern names, each in a world of its own, and
// compares what happens with what the script expects.
func Run(t *testing.T, pattern string, world func() script.World) {
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, "no script at %s", pattern)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { one(t, file, world()) })
	}
}

func one(t *testing.T, file string, world script.World) {
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	got, err := script.Run(string(want), world, nil)
	require.NoError(t, err)
	if os.Getenv(Rewrite) != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	require.Empty(t, cmp.Diff(string(want), got), "set %s=1 to write the file anew, and read the difference", Rewrite)
}
