package ladder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/ladder"
	"dss.example/common/course/toy"
)

// starter is what a student gets of the toy.
var starter = strings.Fields(`
.ci/test .devcontainer/devcontainer.json .github/workflows/test.yml .gitignore .gitlab-ci.yml
Makefile README.md go.work p1-toy/README.md p1-toy/cmd/judge/main.go p1-toy/cmd/sim/main.go
p1-toy/cmd/tally/main.go p1-toy/cmd/tally/main_test.go p1-toy/go.mod p1-toy/order/order.go
p1-toy/order/order_test.go p1-toy/stage.yaml p1-toy/tally/tally.go p1-toy/tally/tally_test.go
p1-toy/testdata/add.txt p1-toy/testdata/list.txt p1-toy/world/world.go`)

func TestStarterHoldsWhatAStudentNeedsAndNothingElse(t *testing.T) {
	root := toy.Write(t)
	for _, name := range []string{
		"bin/sim", "cpu.prof", "p1-toy/deep/cpu.prof", ".secrets/key", "grades/all.csv", "p1-toy/.cache/x",
		"p1-toy/testdata/mutants/M.patch", "p1-toy/bin/kept",
	} {
		add(t, root, name, "x")
	}
	require.NoError(t, os.Symlink(filepath.Join(root, "grades"), filepath.Join(root, "p1-toy/link")))
	dst := filepath.Join(t.TempDir(), "new/folder")
	var said []string
	require.NoError(t, read(t, root, "p1").Write(t.Context(), dst, 0, ladder.Own, func(s string) { said = append(said, s) }))
	want := append([]string{}, starter...)
	want = append(want[:9], append([]string{"p1-toy/bin/kept"}, want[9:]...)...)
	require.ElementsMatch(t, want, tree(t, dst))
	require.Contains(t, said, "left out, as it is no plain file: p1-toy/link")
	info, err := os.Stat(filepath.Join(dst, ".ci/test"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o111), info.Mode()&0o111, "scripts stay programs")
}

func TestWhatGitDoesNotTrackStaysOutAndIsNamed(t *testing.T) {
	root := toy.Write(t)
	command(t, root, "git", "init", "-q")
	command(t, root, "git", "add", ".")
	for _, name := range []string{"students.csv", "p1-toy/tally/notes.go", "x.prof"} {
		add(t, root, name, "package tally\n")
	}
	dst := t.TempDir()
	var said []string
	require.NoError(t, read(t, root, "p1").Write(t.Context(), dst, 0, ladder.Own, func(s string) { said = append(said, s) }))
	require.ElementsMatch(t, starter, tree(t, dst))
	require.Contains(t, said, "left out, as git does not track it: students.csv")
	require.Contains(t, said, "left out, as git does not track it: p1-toy/tally/notes.go")
	require.NotContains(t, strings.Join(said, "\n"), "x.prof", "what git ignores is not worth a word")

	require.NoError(t, os.RemoveAll(filepath.Join(root, ".git")))
	require.NoError(t, os.Mkdir(filepath.Join(root, ".git"), 0o700))
	err := read(t, root, "p1").Write(t.Context(), filepath.Join(t.TempDir(), "x"), 0, ladder.Own, nil)
	require.ErrorContains(t, err, "git cannot tell which files it tracks")
}

// grow adds two more stages, which are the first one under other names, and common.
func grow(t *testing.T, root string) {
	t.Helper()
	for _, n := range []string{"2", "3"} {
		for _, name := range tree(t, filepath.Join(root, "p1-toy")) {
			text, err := os.ReadFile(filepath.Join(root, "p1-toy", name))
			require.NoError(t, err)
			add(t, root, "p"+n+"-toy/"+name, strings.NewReplacer("p1", "p"+n).Replace(string(text)))
		}
	}
	for _, name := range []string{"common/go.mod", "common/course/go.mod", "common/course/testdata/hostile.go", "p4-none/go.mod"} {
		add(t, root, name, "module "+name+"\n\ngo 1.26\n")
	}
	add(t, root, "go.work", "go 1.26.0\n\nuse (\n\t./common\n\t./common/course\n\t./p1-toy\n\t./p2-toy\n\t./p3-toy\n\t./p4-none\n)\n\nuse ./p3-toy\n")
}

func TestLaterStagesAreLeftOutAndEarlierOnesAreAsAsked(t *testing.T) {
	root := toy.Write(t)
	grow(t, root)
	const solution = "within(lowest, sum, Limit)"
	for earlier, solved := range map[ladder.Earlier]bool{ladder.Own: false, ladder.Reference: true} {
		dst := t.TempDir()
		require.NoError(t, read(t, root, "p2").Write(t.Context(), dst, 0, earlier, nil))
		work, err := os.ReadFile(filepath.Join(dst, "go.work"))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff("go 1.26.0\n\nuse (\n\t./common\n\t./common/course\n\t./p1-toy\n\t./p2-toy\n)\n\n", string(work)))
		for name, want := range map[string]bool{
			"common/go.mod": true, "common/course/go.mod": true, "common/course/testdata/hostile.go": false,
			"p3-toy/go.mod": false, "p4-none/go.mod": false, "p1-toy/mutants/right": false, "p2-toy/go.mod": true,
			"p1-toy/tally/remember.go": solved, "p2-toy/tally/remember.go": false,
		} {
			_, err := os.Stat(filepath.Join(dst, name))
			require.Equal(t, want, err == nil, name)
		}
		first, err := os.ReadFile(filepath.Join(dst, "p1-toy/tally/tally.go"))
		require.NoError(t, err)
		require.Equal(t, solved, strings.Contains(string(first), solution))
		require.NotContains(t, string(first), "//ds:")
		second, err := os.ReadFile(filepath.Join(dst, "p2-toy/tally/tally.go"))
		require.NoError(t, err)
		require.NotContains(t, string(second), solution)
	}
}

func TestFolderThatIsNotEmptyIsLeftAlone(t *testing.T) {
	dst := t.TempDir()
	add(t, dst, "mine", "x")
	l := read(t, toy.Write(t), "p1")
	require.ErrorContains(t, l.Write(t.Context(), dst, 0, ladder.Own, nil), dst+" is not empty")
	require.Equal(t, []string{"mine"}, tree(t, dst))
	require.Error(t, l.Write(t.Context(), filepath.Join(dst, "mine"), 0, ladder.Own, nil), "a file is no folder")
}

func TestFailureOnTheWayLeavesNothingBehind(t *testing.T) {
	for _, missing := range []bool{true, false} {
		root := toy.Write(t)
		require.NoError(t, os.Symlink("x", filepath.Join(root, "p1-toy/link")))
		dst := t.TempDir()
		if missing {
			dst = filepath.Join(dst, "new")
		}
		vanish := func(string) { // a file is gone after it was listed
			require.NoError(t, os.RemoveAll(filepath.Join(root, "p1-toy/cmd/tally/main.go")))
		}
		require.ErrorIs(t, read(t, root, "p1").Write(t.Context(), dst, 0, ladder.Own, vanish), os.ErrNotExist)
		if missing {
			require.NoDirExists(t, dst)
		} else {
			require.Empty(t, tree(t, dst))
			require.DirExists(t, dst)
		}
	}
}
