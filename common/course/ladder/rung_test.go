package ladder_test

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// small is a stage of two steps whose students own what lies in a.
func small() *stage.Stage {
	return &stage.Stage{
		ID: "p1", Dir: "p1-x", MayChange: []string{"a/*.go"},
		Steps: []stage.Step{{ID: "p1.1"}, {ID: "p1.2"}},
	}
}

// TestRungsAreGolden cuts the file "in" of each archive and compares every rung.
func TestRungsAreGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/rungs/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			require.NoError(t, err)
			rungs, err := ladder.Rungs(small(), a.Files[0].Data)
			require.NoError(t, err)
			got := &txtar.Archive{Comment: a.Comment, Files: a.Files[:1:1]}
			for solved, rung := range rungs {
				if rung != nil {
					got.Files = append(got.Files, txtar.File{Name: fmt.Sprintf("solved %d", solved), Data: rung})
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(name, txtar.Format(got), 0o644))
			}
			require.Empty(t, cmp.Diff(string(txtar.Format(a)), string(txtar.Format(got))))
		})
	}
}

func TestDirectiveThatIsNotRightIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"//ds:tood p1.1\nfunc f() {}":                            "3: //ds:tood: want //ds:todo or //ds:only",
		"//ds:todo p1.9\nfunc f() {}":                            `3: //ds:todo: stage p1 has no step "p1.9"`,
		"//ds:todo\nfunc f() {}":                                 `3: //ds:todo: stage p1 has no step ""`,
		"// ds:todo p1.1\nfunc f() {}":                           "3: a directive is written without a space",
		"//ds:todo p1.1 return +\nfunc f() {}":                   `3: //ds:todo: "return +" is no statement`,
		"//ds:todo p1.1 }; func g() {\nfunc f() {}":              `3: //ds:todo: "}; func g() {" is no statement`,
		"//ds:only p1.1 return nil\nfunc f() {}":                 "3: //ds:only takes a step and nothing else",
		"//ds:todo p1.1\ntype t int":                             "4: //ds:todo is for functions: a declaration takes //ds:only",
		"//ds:todo p1.1\nvar f = func() {}":                      "4: //ds:todo is for functions",
		"//ds:todo p1.1\nfunc f()":                               "4: //ds:todo is for functions that have a body",
		"//ds:todo p1.1\nfunc init() {}":                         "4: //ds:todo is for functions that have a body and can be called",
		"//ds:todo p1.1\n//ds:todo p1.2\nfunc f() {}":            "4: a declaration has one directive",
		"func f() {\n\t//ds:todo p1.1\n}":                        "4: a directive belongs into the doc comment",
		"//ds:todo p1.1\n\nfunc f() {}":                          "3: a directive belongs into the doc comment",
		"func f() {} //ds:todo p1.1":                             "3: a directive belongs into the doc comment",
		"type t struct {\n\t//ds:only p1.1\n\tn int\n}":          "4: a directive belongs into the doc comment",
		"var f = func() {\n\t//ds:only p1.1\n\tprintln()\n}":     "4: a directive belongs into the doc comment",
		"/* x */ //ds:only p1.1\nvar x = 1":                      "3: a directive, or what it rules, shares its lines",
		"const (\n\ta = iota\n\t//ds:only p1.1\n\tb\n\tc\n)":     "//ds:only on a constant of a group that counts",
		"const (\n\ta = 1\n\t//ds:only p1.1\n\tb\n\tc = 3\n)":    "//ds:only on a constant of a group that counts",
		"//ds:only p1.1\nfunc f()  {}":                           "is not formatted with gofmt",
		"//ds:only p1.1\nfunc f() { x/y.Z() }\n\nimport \"x/y\"": "imports must appear before other declarations",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ladder.Rungs(small(), []byte("package a\n\n"+text+"\n"))
			require.ErrorIs(t, err, ladder.ErrLadder)
			require.ErrorContains(t, err, "p1-x/a/a.go")
			require.ErrorContains(t, err, want)
		})
	}
}

var anyDirective = regexp.MustCompile(`^//\s*ds:`)

// checkRungs reports whether every rung parses and holds no directive.
func checkRungs(t *testing.T, text string) {
	t.Helper()
	rungs, err := ladder.Rungs(small(), []byte(text))
	if err != nil {
		if !errors.Is(err, ladder.ErrLadder) {
			t.Fatalf("a file that was taken cannot be cut: %v", err)
		}
		return
	}
	for solved, rung := range rungs {
		if rung == nil {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), "", rung, parser.ParseComments)
		if err != nil {
			t.Fatalf("%d solved: %v\n%s", solved, err, rung)
		}
		for _, c := range comments(f) {
			if anyDirective.MatchString(c.Text) {
				t.Fatalf("%d solved: a directive is left: %s\n%s", solved, c.Text, rung)
			}
		}
	}
}

func comments(f *ast.File) []*ast.Comment {
	var all []*ast.Comment
	for _, group := range f.Comments {
		all = append(all, group.List...)
	}
	return all
}

// marked formats a file and gives a directive to each declaration, as the bits say.
func marked(text string, bits uint64) (string, bool) {
	good, err := format.Source([]byte(text))
	if err != nil {
		return "", false
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", good, parser.ParseComments)
	if err != nil {
		return "", false
	}
	out, done := "", 0
	for _, decl := range f.Decls {
		verb := "only"
		if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil && bits&4 == 0 {
			verb = "todo"
		}
		if bits&1 != 0 {
			at := fset.File(decl.Pos()).Offset(decl.Pos())
			out += string(good[done:at]) + fmt.Sprintf("//ds:%s p1.%d\n", verb, 1+bits>>1&1)
			done = at
		}
		bits = bits>>3 | bits<<61
	}
	good, err = format.Source([]byte(out + string(good[done:])))
	return string(good), err == nil
}

func TestFilesOfCommonCanBeCut(t *testing.T) {
	files, cut := 0, 0
	require.NoError(t, filepath.WalkDir("../../house", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata") {
			return err
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		files++
		good, ok := marked(strings.ReplaceAll(string(text), "//ds:", "// "), 0x9e3779b97f4a7c15)
		require.True(t, ok, name)
		if rungs, err := ladder.Rungs(small(), []byte(good)); err == nil && rungs != nil {
			cut++
		} else if err != nil {
			require.ErrorContains(t, err, "what its package is called cannot be seen here", name)
		}
		checkRungs(t, good)
		return nil
	}))
	require.Greater(t, cut, files*9/10)
}

func FuzzFileThatParsesHasRungsThatParse(f *testing.F) {
	names, err := filepath.Glob("testdata/rungs/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data), uint64(0))
	}
	f.Add("package a\n\nvar a = 1 /* x\n*/\n\n//ds:only p1.1\nvar b = 2 /* y\nz */\n\nvar c = 3\n", uint64(5))
	f.Add("package a\n\nvar (\n\t//ds:only p1.1\n\ta = `\n` // x\n)\n", uint64(5))
	f.Add("//ds:only p1.1\npackage a\n\nimport \"C\"\n\n//ds:todo p1.2 for {\n", uint64(5))
	f.Fuzz(func(t *testing.T, text string, bits uint64) {
		checkRungs(t, text)
		if good, ok := marked(text, bits); ok {
			checkRungs(t, good)
		}
	})
}
