package house_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"dss.example/common/house"
)

var update = flag.Bool("update", false, "rewrite what the trees in testdata are expected to find")

// workspace is the tree that this test is part of.
func workspace() fs.FS { return os.DirFS("../..") }

func TestTheWorkspaceObeysTheHouseRules(t *testing.T) {
	found, err := house.Check(workspace())
	require.NoError(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

// TestSizesOfTheWorkspace prints the table with -v; TestTheWorkspaceObeysTheHouseRules
// holds it to the budgets.
func TestSizesOfTheWorkspace(t *testing.T) {
	sizes, err := house.Sizes(workspace())
	require.NoError(t, err)
	require.NotEmpty(t, sizes)
	var b strings.Builder
	require.NoError(t, house.WriteSizes(&b, sizes))
	t.Log("\n" + b.String())
}

// TestTreesFindExactlyWhatTheySay lays every tree of testdata over base.txtar. The
// comment of a tree ends with what Check finds in it; "(removed)" as a file's
// content removes the file.
func TestTreesFindExactlyWhatTheySay(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a := parse(t, name)
			tree := base(t)
			overlay(tree, a)
			about, want, _ := strings.Cut(string(a.Comment), "\n\n")
			got := find(t, tree)
			if *update {
				a.Comment = []byte(about + "\n\n" + got)
				require.NoError(t, os.WriteFile(name, txtar.Format(a), 0o644))
				return
			}
			require.Empty(t, cmp.Diff(want, got))
		})
	}
}

func parse(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(name)
	require.NoError(t, err)
	return a
}

func base(t *testing.T) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	overlay(tree, parse(t, "testdata/base.txtar"))
	return tree
}

func overlay(tree fstest.MapFS, a *txtar.Archive) {
	for _, f := range a.Files {
		if string(f.Data) == "(removed)\n" {
			delete(tree, f.Name)
		} else {
			tree[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
}

// find returns the findings as the trees state them.
func find(t *testing.T, tree fs.FS) string {
	t.Helper()
	found, err := house.Check(tree)
	require.NoError(t, err)
	if len(found) == 0 {
		return "finds nothing\n"
	}
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	long := func(lines int) string { return strings.Repeat("\t_ = 1\n", lines) }
	pkg := "// Package big is big.\npackage big\n\n"
	function := func(name string, lines int) string {
		return fmt.Sprintf("func %s() {\n%s}\n", name, long(lines-2))
	}
	next := 0
	of := func(n, lines int) (text string) { // n functions with so many lines in all
		for range n {
			next++
			text += function(fmt.Sprintf("f%d", next), lines/n)
		}
		return text
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a function of 80 lines": {map[string]string{"common/big/a.go": pkg + function("f", 80)}, "finds nothing\n"},
		"a function of 81 lines": {
			map[string]string{"common/big/a_test.go": "package big\n\n" + function("f", 81)},
			"common/big/a_test.go:3: size: f has 81 lines: at most 80\n",
		},
		"a file of 500 lines": {map[string]string{"common/big/a.go": pkg + of(7, 497)}, "finds nothing\n"},
		"a file of 501 lines": {
			map[string]string{"p1-kvrpc/big/a.go": pkg + of(7, 497) + "\n"},
			"p1-kvrpc/big/a.go: size: has 501 lines: at most 500\n",
		},
		"a package of common of 800 lines": {
			map[string]string{"common/big/a.go": pkg + of(5, 400), "common/big/b.go": "package big\n" + of(6, 396) + "var x,\ny int"},
			"finds nothing\n",
		},
		"a package of common of 801 lines": {
			map[string]string{
				"common/big/a.go":      pkg + of(5, 400),
				"common/big/b.go":      "package big\n" + of(6, 396) + "var x = `\n`\nvar y = 1",
				"common/big/a_test.go": "package big\n" + of(5, 400), // tests do not count
			},
			"common/big: size: has 801 lines of code: its budget is 800\n",
		},
		"a core of 1,501 lines": {
			map[string]string{
				"common/cbor/a.go": pkg + of(5, 400), "common/cbor/b.go": "package big\n" + of(5, 400) + "//\n",
				"common/cbor/c.go": "package big\n" + of(5, 400), "common/cbor/d.go": "package big\n" + of(9, 297),
			},
			"common/cbor: size: has 1501 lines of code: its budget is 1500\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := base(t)
			for path, text := range c.files {
				tree[path] = &fstest.MapFile{Data: []byte(text)}
			}
			require.Equal(t, c.want, find(t, tree))
		})
	}
}

func TestATreeThatCannotBeParsedIsAnError(t *testing.T) {
	tree := base(t)
	tree["common/kv/kv.go"] = &fstest.MapFile{Data: []byte("package")}
	_, err := house.Check(tree)
	require.ErrorContains(t, err, "common/kv/kv.go:1:8")
}

func TestListsForScripts(t *testing.T) {
	tree := base(t)
	overlay(tree, parse(t, "testdata/r5.txtar"))
	overlay(tree, parse(t, "testdata/r4-threads.txtar"))
	tree["common/sim/sim.go"] = &fstest.MapFile{Data: []byte("package sim")}
	tree["common/run/run.go"] = &fstest.MapFile{Data: []byte("package run\n\nfunc f() { go f() }")}
	tree["p5-sharedlog/judged/judged.go"] = &fstest.MapFile{Data: []byte("package judged\n\nfunc f() { go f() }")}
	tree["p5-sharedlog/cmd/judge/main.go"] = &fstest.MapFile{Data: []byte("package main\n\nfunc main() { go main() }")}
	tree["common/run/a_test.go"] = &fstest.MapFile{Data: []byte("package run")}
	tree["common/sim/only/a_test.go"] = &fstest.MapFile{Data: []byte("package only")}

	pure, err := house.Pure(tree)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]string{
		"dss.example/common/machine", "dss.example/common/sim", "dss.example/common/sim/toys/ring",
		"dss.example/p5-sharedlog/corfu", "dss.example/p5-sharedlog/tango",
	}, pure))

	concurrent, err := house.Concurrent(tree)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]string{
		"dss.example/common/run", "dss.example/common/sim/toys/ring", "dss.example/p5-sharedlog/tango",
	}, concurrent))
}
