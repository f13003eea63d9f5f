package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/template"
	"dss.example/common/course/toy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ds runs a command line on the workspace at root.
func ds(ctx context.Context, root, line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	words := strings.Fields(line)
	if !slices.Contains(words, "-root") {
		words = append(words, "-root", root)
	}
	code = cli.Run(ctx, command(), words, cli.Std{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// TestVerbsPrintWhatTheGoldenFilesSay runs each line of testdata/*.txt that starts
// with "$ ds".
func TestVerbsPrintWhatTheGoldenFilesSay(t *testing.T) {
	root := toy.Write(t)
	names, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(name)
			require.NoError(t, err)
			var got strings.Builder
			for line := range strings.Lines(string(want)) {
				if words, ok := strings.CutPrefix(line, "$ ds "); ok {
					code, stdout, stderr := ds(t.Context(), root, words)
					require.Equal(t, cli.Done, code, stderr)
					got.WriteString(line + stdout)
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(name, []byte(got.String()), 0o644))
			}
			require.Empty(t, cmp.Diff(string(want), got.String()))
		})
	}
}

func TestBadUsageIsToldAndNothingIsWritten(t *testing.T) {
	root := toy.Write(t)
	out := filepath.Join(t.TempDir(), "out")
	for line, want := range map[string]string{
		"handout p1":                         "-o is missing",
		"handout p9 -o " + out:               `no stage "p9": there is p1`,
		"handout p1 -earlier mine -o " + out: `bad value "mine" for -earlier: want own or reference`,
		"step p1 -o " + out:                  "-o writes the tree of one step",
		"step p1.1 -before":                  "-before says which tree -o writes",
		"step p1.1 -hints 4":                 `bad value "4" for -hints: want 0 to 3`,
		"step p1.4":                          "its steps are p1.1 to p1.3",
		"step p2":                            `no stage "p2"`,
		"diff p1":                            `stage p1 has no step "p1"`,
		"diff p1.1 p2.1":                     `no stage "p2"`,
		"stages -root " + filepath.Join(root, "none"): "want a folder with a go.work",
	} {
		code, stdout, stderr := ds(t.Context(), root, line)
		require.Equal(t, cli.BadUsage, code, line)
		require.Contains(t, stderr, want, line)
		require.Empty(t, stdout)
	}
	require.NoDirExists(t, out)
}

func TestWorkspaceIsFoundUpwards(t *testing.T) {
	t.Chdir(filepath.Join(toy.Write(t), "p1-toy", "tally"))
	var out, errs bytes.Buffer
	require.Equal(t, cli.Done, cli.Run(t.Context(), command(), []string{"stages"}, cli.Std{Out: &out, Err: &errs}), errs.String())
	require.Contains(t, out.String(), "p1-toy")
	t.Chdir(t.TempDir())
	require.Equal(t, cli.NotDone, cli.Run(t.Context(), command(), []string{"stages"}, cli.Std{Out: &out, Err: &errs}))
	require.Contains(t, errs.String(), "no go.work")
}

func TestStepMakesItsTree(t *testing.T) {
	root := toy.Write(t)
	for flags, solved := range map[string]bool{"": true, "-before ": false} {
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := ds(t.Context(), root, "step p1.2 "+flags+"-o "+out)
		require.Equal(t, cli.Done, code, stderr)
		require.Contains(t, stdout, "p1.2 List")
		require.Contains(t, stderr, "files written to "+out)
		text, err := os.ReadFile(filepath.Join(out, "p1-toy/tally/tally.go"))
		require.NoError(t, err)
		require.Contains(t, string(text), "within(lowest, sum, Limit)", "earlier steps are solved")
		require.Equal(t, solved, strings.Contains(string(text), "slices.Sorted"))
		require.NotContains(t, string(text), "remember(", "later steps are not")
	}
}

func TestStepIsShownToAStudentWhoseCodeDoesNotParse(t *testing.T) {
	root := filepath.Join(t.TempDir(), "mine")
	code, _, stderr := ds(t.Context(), toy.Write(t), "handout p1 -o "+root)
	require.Equal(t, cli.Done, code, stderr)
	code, stdout, _ := ds(t.Context(), root, "step p1.3")
	require.Equal(t, cli.Done, code)
	require.Regexp(t, `^p1.3 Count once: 35 points\n`, stdout)
	require.Regexp(t, `tally.Table.first  p1-toy/tally/tally.go:\d+`, stdout)

	require.NoError(t, os.WriteFile(filepath.Join(root, "p1-toy/tally/tally.go"), []byte("package tally\n\nfunc {\n"), 0o600))
	code, stdout, stderr = ds(t.Context(), root, "step p1.3")
	require.Equal(t, cli.Done, code)
	require.Contains(t, stderr, "p1-toy/tally/tally.go:3")
	require.Contains(t, stdout, "counts once.")
	code, _, stderr = ds(t.Context(), root, "handout p1 -o "+root+"2")
	require.Equal(t, cli.NotDone, code, stderr)
}

func TestHandoutIsCutFromNoHandout(t *testing.T) {
	root := filepath.Join(t.TempDir(), "mine")
	code, _, stderr := ds(t.Context(), toy.Write(t), "handout p1 -o "+root)
	require.Equal(t, cli.Done, code, stderr)
	code, _, stderr = ds(t.Context(), root, "handout p1 -o "+root+"2")
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, stderr, "tally.Table.add of p1.1 has no //ds:todo")
	require.NoDirExists(t, root+"2")
}

func TestHandoutThatGivesASolutionAwayIsNotWritten(t *testing.T) {
	root := toy.Write(t)
	readme := filepath.Join(root, "p1-toy/README.md")
	require.NoError(t, os.WriteFile(readme, []byte("Write t.counts[name] = within(lowest, sum, Limit).\n"), 0o600))
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := ds(t.Context(), root, "handout p1 -o "+out)
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, stderr, "p1-toy/README.md:1: gives away p1-toy/tally/tally.go:40: t.counts[name] = within")
	require.NoDirExists(t, out)
	code, _, stderr = ds(t.Context(), root, "handout p1 -anyway -o "+out)
	require.Equal(t, cli.Done, code, stderr)
	require.FileExists(t, filepath.Join(out, "go.work"))
}

func TestInterruptedHandoutLeavesNothingBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := ds(ctx, toy.Write(t), "handout p1 -o "+out)
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, stderr, "nothing is written")
	require.NoDirExists(t, out)
}

func TestTemplatesNameVerbsThatExist(t *testing.T) {
	var verbs []string
	for _, v := range command().Verbs {
		verbs = append(verbs, v.Name)
		require.NotEmpty(t, v.Example, v.Name)
	}
	found := 0
	for name, text := range template.Files("p1") {
		for _, m := range regexp.MustCompile(`go tool ds (\w+)`).FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, verbs, m[1], name)
			found++
		}
	}
	require.GreaterOrEqual(t, found, 4)
}

func TestSectionEndsAtTheNextHeadingOfItsLevel(t *testing.T) {
	const text = "# T\n\n## p1.1 A\n\none\n\n### more\n\n```\n## p1.2 no heading\n```\n\n## p1.10: B\n\nten\n\n## p1.2. C\ntwo\n# End\nend\n"
	for id, want := range map[string]string{
		"p1.1": "one\n\n### more\n\n```\n## p1.2 no heading\n```", "p1.10": "ten", "p1.2": "two", "p1": "", "p1.3": "",
	} {
		require.Equal(t, want, section(text, id), id)
	}
}
