//go:build unix

package readme_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/readme"
)

// md writes Markdown without its fences, which Go's raw strings cannot hold.
func md(lines ...string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), "~", "`")
}

func TestOnlyShellBlocksAreFound(t *testing.T) {
	blocks, err := readme.Blocks(md(
		"# Title", "~~~sh", "one", "", "  two", "~~~", "text ~~~sh", "~~~", "shown", "~~~sh", "~~~",
		"~~~shell", "not run", "~~~", "~~~~sh", "three", "~~~", "four", "~~~~", "  ~~~sh", "  five", "  ~~~",
	))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]readme.Block{
		{Line: 3, Text: "one\n\n  two\n"}, {Line: 16, Text: "three\n~~~\nfour\n"}, {Line: 21, Text: "  five\n"},
	}, replaceTicks(blocks)))

	_, err = readme.Blocks(md("~~~sh", "one"))
	require.ErrorIs(t, err, readme.ErrOpen)
}

func replaceTicks(blocks []readme.Block) []readme.Block {
	for i := range blocks {
		blocks[i].Text = strings.ReplaceAll(blocks[i].Text, "`", "~")
	}
	return blocks
}

// run runs blocks in a new directory and returns what they printed.
func run(t *testing.T, ctx context.Context, texts ...string) (dir, printed string, err error) {
	t.Helper()
	dir = t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer out.Close()
	var blocks []readme.Block
	for i, text := range texts {
		blocks = append(blocks, readme.Block{Line: 10 * (i + 1), Text: text + "\n"})
	}
	err = readme.Run(ctx, dir, "it's.md", blocks, out)
	b, readErr := os.ReadFile(out.Name())
	require.NoError(t, readErr)
	return dir, string(b), err
}

func TestABlockUsesWhatOneBeforeItHasSet(t *testing.T) {
	dir, printed, err := run(t, t.Context(), "x=1; mkdir d; cd d", "echo x=$x; pwd")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("+ it's.md:10\n+ it's.md:20\nx=1\n%s/d\n", dir), printed)
}

func TestTheFirstCommandThatFailsEndsTheFile(t *testing.T) {
	for _, bad := range []string{"false", "false | true", "echo $unset_variable", "exit 7"} {
		_, printed, err := run(t, t.Context(), bad, "echo never")
		require.ErrorContains(t, err, "it's.md: exit status", bad)
		require.NotContains(t, printed, "never")
	}
}

// pidOf waits for nothing: the blocks have written the file before they end.
func pidOf(t *testing.T, dir, name string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(b), &pid)
	require.NoError(t, err)
	return pid
}

// requireGone waits until a process has ended; its parent's waiting may be due.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, time.Millisecond)
}

func TestWhatRunsInTheBackgroundIsEnded(t *testing.T) {
	dir, _, err := run(t, t.Context(), `bash -c 'sleep 600 & echo $! >child; wait' & echo $! >parent; until test -s child; do :; done`)
	require.NoError(t, err)
	requireGone(t, pidOf(t, dir, "parent"))
	requireGone(t, pidOf(t, dir, "child"))
}

func TestWhatIgnoresTheGentleSignalIsEndedByForce(t *testing.T) {
	dir, _, err := run(t, t.Context(), `(trap '' TERM; echo >ready; while :; do sleep 1; done) & echo $! >pid; until test -e ready; do :; done; false`)
	require.ErrorContains(t, err, "exit status 1")
	requireGone(t, pidOf(t, dir, "pid"))
}

func TestTheEndOfTheContextEndsTheBlocks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := run(t, ctx, "sleep 600")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestALineThatWasRunBeforeIsLeftOutAndTold(t *testing.T) {
	blocks := []readme.Block{{Line: 3, Text: "one\nmake test\ntwo\n"}, {Line: 9, Text: "make test STAGE=1\n"}}
	require.Equal(t, []readme.Block{
		{Line: 3, Text: "one\necho 'make test: done before'\ntwo\n"}, {Line: 9, Text: "make test STAGE=1\n"},
	}, readme.Without(blocks, []string{"make test", "make demo"}))
	require.Equal(t, "one\nmake test\ntwo\n", blocks[0].Text)
}
