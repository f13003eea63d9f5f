package stage_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/stage"
)

const right = `stage: p1
title: A tally
may_change: [tally/*.go, cmd/kvd/open.go]
may_import: [dss.example/common/..., github.com/tidwall/btree]
steps:
  - id: p1.1
    title: Count
    points: 60
    funcs: [tally.Table.add]
    tests:
      - {unit: tally, run: [TestAdd], rule: sums}
      - {scripts: [testdata/a.txt], rule: answers}
  - id: p1.2
    title: Count once
    points: 40
    funcs: [tally.first]
    tests:
      - {process: cmd/kvd, run: [TestKill, TestDrain], rule: survives}
      - {seeds: {args: [-mode, x]}, rule: once}
  - id: p1.3
    title: More
    points: 7.5
    bonus: true
    funcs: [tally.more]
    tests:
      - {seeds: {}, rule: more}
budgets: {public: 1, submit: 2, nightly: 3}
`

// of returns a workspace of stages, by folder.
func of(texts map[string]string) fstest.MapFS {
	tree := fstest.MapFS{"common/x.go": {}}
	for dir, text := range texts {
		tree[dir+"/stage.yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func find(t *testing.T) *stage.Stage {
	t.Helper()
	s, err := stage.Find(of(map[string]string{"p1-toy": right}), "p1")
	require.NoError(t, err)
	return s
}

func TestStageIsReadAsItIsWritten(t *testing.T) {
	s := find(t)
	want := &stage.Stage{
		ID: "p1", Title: "A tally", Dir: "p1-toy", Whole: 100,
		MayChange: []string{"tally/*.go", "cmd/kvd/open.go"},
		MayImport: []string{"dss.example/common/...", "github.com/tidwall/btree"},
		Steps: []stage.Step{
			{ID: "p1.1", Title: "Count", Points: 60, Funcs: []string{"tally.Table.add"}, Tests: []stage.Test{
				{Unit: "tally", Run: []string{"TestAdd"}, Rule: "sums"},
				{Scripts: []string{"testdata/a.txt"}, Rule: "answers"},
			}},
			{ID: "p1.2", Title: "Count once", Points: 40, Funcs: []string{"tally.first"}, Tests: []stage.Test{
				{Process: "cmd/kvd", Run: []string{"TestKill", "TestDrain"}, Rule: "survives"},
				{Seeds: &stage.Seeds{Args: []string{"-mode", "x"}}, Rule: "once"},
			}},
			{ID: "p1.3", Title: "More", Points: 7.5, Bonus: true, Funcs: []string{"tally.more"}, Tests: []stage.Test{
				{Seeds: &stage.Seeds{}, Rule: "more"},
			}},
		},
		Budgets: stage.Budgets{Public: 1, Submit: 2, Nightly: 3},
	}
	require.Empty(t, cmp.Diff(want, s))
	require.Equal(t, 100.0, s.Points(), "bonus steps are not among the points")
	var kinds []string
	for _, step := range s.Steps {
		for i := range step.Tests {
			kinds = append(kinds, step.Tests[i].Kind())
		}
	}
	require.Equal(t, []string{"unit", "script", "process", "seeds", "seeds"}, kinds)
}

func TestStageWhoseStepsAreNotAllThereYetSaysWhatTheyAreWorth(t *testing.T) {
	part := strings.NewReplacer("title: A tally", "title: A tally\npoints: 60", "points: 60", "points: 25", "points: 40", "points: 35").Replace(right)
	s, err := stage.Find(of(map[string]string{"p1-toy": part}), "p1")
	require.NoError(t, err)
	require.Equal(t, 60.0, s.Whole)
	require.Equal(t, 60.0, s.Points())
}

func TestStageThatIsNotRightIsRefusedWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ old, with, want string }{
		"unknown field":        {"title: A tally", "titel: A tally", "field titel not found"},
		"no title":             {"title: A tally", "title:", "title: is missing"},
		"bad ID":               {"stage: p1", "stage: one", `stage: "one": want p and a number`},
		"no steps":             {right[strings.Index(right, "steps:"):], "budgets: {public: 1, submit: 2, nightly: 3}\n", "steps: are missing"},
		"no budget":            {"public: 1", "public: 0", "budgets:"},
		"too many points":      {"points: 40", "points: 41", "their points without bonus steps are 101: want 100"},
		"bonus counted":        {"bonus: true", "bonus: false", "are 107.5"},
		"points of a part":     {"title: A tally", "title: A tally\npoints: 60", "their points without bonus steps are 100: want 60"},
		"points of nothing":    {"title: A tally", "title: A tally\npoints: 0", "points: 0: want more than 0"},
		"more than all points": {"title: A tally", "title: A tally\npoints: 110", "points: 110: want more than 0, and at most 100"},
		"step twice":           {"id: p1.2", "id: p1.1", "p1.1 is there twice"},
		"step of another":      {"id: p1.2", "id: p2.2", "step p2.2: id: want p1. and a number"},
		"step without title":   {"title: Count once", "title:", "step p1.2: title: is missing"},
		"step without points":  {"points: 7.5", "points: 0", "step p1.3: points: 0"},
		"step without funcs":   {"funcs: [tally.first]", "funcs: []", "step p1.2: funcs: are missing"},
		"step without tests":   {"\n      - {seeds: {}, rule: more}", " []", "step p1.3: tests: are missing"},
		"two kinds":            {"{unit: tally,", "{unit: tally, scripts: [x],", "number 1: want exactly one of"},
		"no kind":              {"{unit: tally, run: [TestAdd], ", "{", "number 1: want exactly one of"},
		"no rule":              {", rule: answers", "", "number 2: rule: is missing"},
		"unit without tests":   {"run: [TestAdd]", "run: []", "run: unit and process name their tests"},
		"seeds with tests":     {"{seeds: {},", "{seeds: {}, run: [TestX],", "run: unit and process name their tests"},
		"subtest":              {"TestAdd", "TestAdd/x", "want the name of a top-level test"},
		"unit outside":         {"unit: tally", "unit: ../tally", "want a folder inside"},
		"process outside":      {"process: cmd/kvd", "process: /bin", "want a folder inside"},
		"script outside":       {"testdata/a.txt", "../a.txt", "want a file inside"},
		"may change outside":   {"tally/*.go", "../common/*.go", "may_change:"},
		"may change a bad one": {"tally/*.go", `"tally/[.go"`, "may_change:"},
		"not YAML":             {"stage: p1", "stage: [", "p1-toy/stage.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, right, c.old)
			_, err := stage.All(of(map[string]string{"p1-toy": strings.Replace(right, c.old, c.with, 1)}))
			require.ErrorIs(t, err, stage.ErrStage)
			require.ErrorContains(t, err, "p1-toy/stage.yaml")
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestStagesAreInOrderAndFoundByTheirIDs(t *testing.T) {
	second := strings.NewReplacer("p1", "p2").Replace(right)
	tree := of(map[string]string{"a-second": second, "b-first": right})
	all, err := stage.All(tree)
	require.NoError(t, err)
	require.Equal(t, []string{"p1", "p2"}, []string{all[0].ID, all[1].ID})

	s, at, err := stage.FindStep(tree, "p2.2")
	require.NoError(t, err)
	require.Equal(t, "a-second", s.Dir)
	require.Equal(t, 1, at)
	at, err = s.Index("3")
	require.NoError(t, err)
	require.Equal(t, 2, at)

	for id, want := range map[string]string{
		"p3.1": `no stage "p3": there is p1, p2`, "p2.9": `stage p2 has no step "p2.9": its steps are p2.1 to p2.3`, "p1": "has no step",
	} {
		_, _, err := stage.FindStep(tree, id)
		require.ErrorContains(t, err, want)
	}
}

func TestStudentOwnsWhatThePatternsSayAndNoTest(t *testing.T) {
	s := find(t)
	for file, want := range map[string]bool{
		"p1-toy/tally/tally.go": true, "p1-toy/cmd/kvd/open.go": true,
		"p1-toy/tally/tally_test.go": false, "p1-toy/tally/deep/x.go": false, "p1-toy/cmd/kvd/main.go": false,
		"tally/tally.go": false, "p1-toys/tally/tally.go": false, "p1-toy/stage.yaml": false,
	} {
		require.Equal(t, want, s.Changeable(file), file)
	}
}

func TestStudentImportsTheStandardLibraryTheOwnModuleAndWhatIsListed(t *testing.T) {
	s := find(t)
	for imported, want := range map[string]bool{
		"fmt": true, "net/rpc": true, "dss.example/p1-kvrpc": true, "dss.example/p1-kvrpc/table": true,
		"dss.example/common/kv": true, "github.com/tidwall/btree": true,
		"dss.example/common": true, // as in the patterns of the go command
		"C":                  false, "unsafe": false, "dss.example/p1-kvrpc2": false,
		"dss.example/commons/kv": false, "github.com/tidwall/btree/x": false, "example.com/x": false,
	} {
		require.Equal(t, want, s.Importable("dss.example/p1-kvrpc", imported), imported)
	}
}

func TestRootIsTheNearestFolderWithAGoWork(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "p1-toy", "tally")
	require.NoError(t, os.MkdirAll(deep, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.work"), nil, 0o600))
	got, err := stage.Root(deep)
	require.NoError(t, err)
	require.Equal(t, dir, got)
	_, err = stage.Root(filepath.Dir(dir))
	require.ErrorContains(t, err, "name it with -root")
}

func TestFunctionsAreNamedByFolderReceiverAndName(t *testing.T) {
	const source = `package p
func Plain() {}
func (t Table) value() {}
func (t *Table) pointer() {}
func (t (*Table)) inParentheses() {}
func (h *Heap[K]) ofOneType() {}
func (m Map[K, V]) ofTwo() {}
func () nobody() {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	require.NoError(t, err)
	s := find(t)
	want := []string{"Plain", "Table.value", "Table.pointer", "Table.inParentheses", "Heap.ofOneType", "Map.ofTwo", "nobody"}
	for i, d := range f.Decls {
		fn := d.(*ast.FuncDecl)
		require.Equal(t, want[i], stage.ShortName(fn))
		for file, folder := range map[string]string{
			"p1-toy/x.go": "", "p1-toy/tally/x.go": "tally.", "p1-toy/cmd/kvd/x.go": "cmd/kvd.",
			"common/kv/x.go": "common/kv.", "p1-toys/x.go": "p1-toys.",
		} {
			require.Equal(t, folder+want[i], s.FuncName(file, fn))
		}
	}
}
