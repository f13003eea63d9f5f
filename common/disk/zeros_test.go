package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What serves systems that cannot reserve space is tried here by itself, for the system
// that runs the tests may never come to it.
func TestZerosAreWrittenFromTheEndUpToTheSize(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a"))
	require.NoError(t, err)
	_, err = f.WriteString("text")
	require.NoError(t, err)
	require.NoError(t, writeZeros(f, 4, 200_000))
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.True(t, bytes.Equal(append([]byte("text"), make([]byte, 199_996)...), b))
	require.NoError(t, f.Close())
	require.ErrorIs(t, writeZeros(f, 0, 1), os.ErrClosed)
}
