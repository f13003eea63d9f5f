package ladder_test

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
	"dss.example/common/course/toy"
	"dss.example/common/house/mutant"
)

// read reads a stage's ladder.
func read(t *testing.T, root, id string) *ladder.Ladder {
	t.Helper()
	s, err := stage.Find(os.DirFS(root), id)
	require.NoError(t, err)
	l, err := ladder.Read(root, s)
	require.NoError(t, err)
	return l
}

// edit replaces text in a file, which must hold it.
func edit(t *testing.T, root, name, old, with string) {
	t.Helper()
	name = filepath.Join(root, name)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(text), old, with, 1)), 0o600))
}

func add(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// tree returns the paths of all files under a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// command runs a program, which must end well.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=-trimpath")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestTopRungIsTheReferenceWithoutDirectives(t *testing.T) {
	root := toy.Write(t)
	files, err := read(t, root, "p1").Files(3)
	require.NoError(t, err)
	require.Equal(t, []string{"p1-toy/order/order.go", "p1-toy/tally/remember.go", "p1-toy/tally/tally.go"}, slices.Sorted(maps.Keys(files)))
	for name, got := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		bare := regexp.MustCompile(`(?m)(^\s*//\n)?^\s*//ds:.*\n`).ReplaceAll(text, nil)
		want, err := format.Source(bytes.TrimLeft(bare, "\n"))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(string(want), string(got)), name)
	}
}

func TestEveryRungBuildsAndVets(t *testing.T) {
	l := read(t, toy.Write(t), "p1")
	for solved := range 4 {
		dir := t.TempDir()
		require.NoError(t, l.Write(t.Context(), dir, solved, ladder.Own, nil))
		command(t, dir, "go", "build", "-ldflags=-s -w", "./p1-toy/...")
		command(t, dir, "go", "vet", "./p1-toy/...")
	}
}

func TestUnwrittenFunctionSaysWhichItIs(t *testing.T) {
	files, err := read(t, toy.Write(t), "p1").Files(1)
	require.NoError(t, err)
	text := string(files["p1-toy/tally/tally.go"])
	require.Contains(t, text, "func (t Table) Keys() []string {\n\t// Your code for p1.2 goes here.\n\tpanic(\"p1.2: Table.Keys is not written yet\")\n}")
	require.Contains(t, text, "func (t *Table) first(order uint64) bool {\n\t// Your code for p1.3 goes here.\n\treturn true\n}")
	require.Contains(t, text, "within(lowest, sum, Limit)")
	require.NotContains(t, files, "p1-toy/tally/remember.go")
}

func TestFuncsAndLinesAreThoseOfTheReference(t *testing.T) {
	l := read(t, toy.Write(t), "p1")
	want := []ladder.Func{
		{Name: "tally.Table.add", Step: 0, File: "p1-toy/tally/tally.go", Lines: 2},
		{Name: "order.Most", Step: 1, File: "p1-toy/order/order.go", Lines: 6},
		{Name: "tally.Table.Keys", Step: 1, File: "p1-toy/tally/tally.go", Lines: 1},
		{Name: "tally.Table.String", Step: 1, File: "p1-toy/tally/tally.go", Lines: 5},
		{Name: "tally.Table.first", Step: 2, File: "p1-toy/tally/tally.go", Lines: 5},
	}
	require.Empty(t, cmp.Diff(want, l.Funcs()))
	require.Equal(t, []int{6, 12, 9}, []int{l.Lines(0), l.Lines(1), l.Lines(2)}, "helpers count as well")
	require.Equal(t, "p1-toy/tally/tally.go:26", l.Where("tally.Table.Do"))
	require.Empty(t, l.Where("tally.Table.Undo"))
}

func TestStageAndDirectivesMustAgree(t *testing.T) {
	for name, c := range map[string]struct{ file, old, with, want string }{
		"function without a directive": {"tally/tally.go", "//\n//ds:todo p1.3 return true\n", "", "tally.Table.first of p1.3 has no //ds:todo"},
		"directive without a function": {"stage.yaml", "tally.Table.String, ", "", "tally.Table.String has a //ds:todo p1.2 and is not among the funcs"},
		"other step":                   {"tally/tally.go", "//ds:todo p1.3", "//ds:todo p1.2", "tally.Table.first has a //ds:todo p1.2 and is a function of p1.3"},
		"function of two steps":        {"stage.yaml", "[tally.Table.first]", "[tally.Table.first, order.Most]", "order.Most is a function of p1.2 and of p1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			root := toy.Write(t)
			edit(t, root, "p1-toy/"+c.file, c.old, c.with)
			l := read(t, root, "p1")
			require.ErrorIs(t, l.Check(), ladder.ErrLadder)
			require.ErrorContains(t, l.Check(), c.want)
			require.ErrorContains(t, l.Write(t.Context(), t.TempDir(), 0, ladder.Own, nil), c.want)
		})
	}
	require.NoError(t, read(t, toy.Write(t), "p1").Check())
}

func TestDirectiveInAFileThatIsNotTheStudentsIsRefused(t *testing.T) {
	for _, name := range []string{"p1-toy/tally/extra_test.go", "p1-toy/world/extra.go"} {
		root := toy.Write(t)
		add(t, root, name, "package "+filepath.Base(filepath.Dir(name))+"\n\n//ds:only p1.1\nfunc extra() {}\n")
		s, err := stage.Find(os.DirFS(root), "p1")
		require.NoError(t, err)
		_, err = ladder.Read(root, s)
		require.ErrorIs(t, err, ladder.ErrLadder)
		require.ErrorContains(t, err, name)
	}
}

func TestRungThatDoesNotExistIsRefused(t *testing.T) {
	l := read(t, toy.Write(t), "p1")
	for _, solved := range []int{-1, 4} {
		_, err := l.Files(solved)
		require.ErrorIs(t, err, ladder.ErrLadder)
		_, err = l.Diff(0, solved)
		require.ErrorIs(t, err, ladder.ErrLadder)
	}
}

func TestDiffLeadsFromOneRungToAnother(t *testing.T) {
	l := read(t, toy.Write(t), "p1")
	for _, c := range [][2]int{{0, 3}, {0, 1}, {1, 2}, {2, 3}, {3, 0}} {
		dir := t.TempDir()
		require.NoError(t, l.Write(t.Context(), dir, c[0], ladder.Own, nil))
		patch, err := l.Diff(c[0], c[1])
		require.NoError(t, err)
		add(t, dir, "patch", string(patch))
		command(t, dir, "git", "apply", "patch")
		want, err := l.Files(c[1])
		require.NoError(t, err)
		got := map[string]string{}
		for _, name := range tree(t, dir) {
			if _, ok := want[name]; ok || strings.HasPrefix(name, "p1-toy/tally/remember") {
				text, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				got[name] = string(text)
			}
		}
		require.Len(t, got, len(want))
		for name, text := range want {
			require.Empty(t, cmp.Diff(string(text), got[name]), name)
		}
	}
	none, err := l.Diff(2, 2)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestDiffOfAnyTwoTextsFits(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n"}), 1, 30).Draw(t, "lines")
		return strings.Join(lines, "")
	})
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		hunks := ladder.Hunks(a, b)
		if a == b {
			if hunks != "" {
				t.Fatal("equal texts differ")
			}
			return
		}
		m, err := mutant.Parse("M", []byte("rule: r\ninstrument: U\nmessage: m\n--- a/f\n+++ b/f\n"+hunks))
		if err != nil {
			t.Fatal(err, hunks)
		}
		if err := os.WriteFile(filepath.Join(root, "f"), []byte(a), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := m.Apply(root)
		if err != nil || string(got["f"]) != b {
			t.Fatalf("%v: %s", err, cmp.Diff(b, string(got["f"])))
		}
	})
}

func TestDiffShowsALineEndThatIsMissing(t *testing.T) {
	require.Equal(t, "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n", ladder.Hunks("a", "a\n"))
}

func TestDiffOfNothingNamesTheLineBefore(t *testing.T) {
	require.Equal(t, "@@ -0,0 +1,2 @@\n+a\n+b\n", ladder.Hunks("", "a\nb\n"))
	require.Equal(t, "@@ -1,1 +0,0 @@\n-a\n", ladder.Hunks("a\n", ""))
}

func TestLinesOfASolutionAreFoundWhereverTheyStand(t *testing.T) {
	const line = "t.counts[name] = within(lowest, sum, Limit)"
	for name, c := range map[string]struct {
		file, old, with string
		solved, want    int
	}{
		"nowhere":         {"README.md", "counts", "counts", 0, 0},
		"in a README":     {"README.md", "You write", "`" + line + "`\nYou write", 0, 3},
		"in a test":       {"tally/tally_test.go", "func TestCountsAreSums", "//\t" + line + "\nfunc TestCountsAreSums", 0, 10},
		"in a comment":    {"world/world.go", "// Answer carries", "// " + line + "\n//\n// Answer carries", 0, 10},
		"in given code":   {"world/world.go", "\tvar order", "\t" + line + "\n\tvar order", 0, 0},
		"a comment of it": {"README.md", "You write", "remember takes note of an order. Orders are never forgotten: the toy's lists are", 0, 0},
		"its comment":     {"README.md", "You write", "// remember takes note of an order. Orders are never forgotten: the toy's lists are\n", 0, 3},
		"after the step":  {"README.md", "You write", "`" + line + "`\nYou write", 1, 0},
		"too little":      {"README.md", "You write", "orders[order] = true\nYou write", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := toy.Write(t)
			edit(t, root, "p1-toy/"+c.file, c.old, c.with)
			leaks, err := read(t, root, "p1").Leaks(c.solved)
			require.NoError(t, err)
			if c.want == 0 {
				require.Empty(t, leaks)
				return
			}
			require.Len(t, leaks, 1)
			require.Equal(t, fmt.Sprintf("p1-toy/%s:%d", c.file, c.want), fmt.Sprintf("%s:%d", leaks[0].File, leaks[0].Line))
			require.Contains(t, leaks[0].From, "p1-toy/tally/")
		})
	}
}

func TestInterruptLeavesNothingBehind(t *testing.T) {
	l := read(t, toy.Write(t), "p1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	at := t.TempDir()
	require.ErrorIs(t, l.Write(ctx, filepath.Join(at, "a/b"), 0, ladder.Own, nil), context.Canceled)
	require.NoDirExists(t, filepath.Join(at, "a"))
	require.DirExists(t, at)
}
