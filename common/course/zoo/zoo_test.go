package zoo_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/course/stage"
	"dss.example/common/course/toy"
	"dss.example/common/course/zoo"
	"dss.example/common/house/mutant"
)

func TestMain(m *testing.M) { toy.Main(m) }

func find(t *testing.T, root string) *stage.Stage {
	t.Helper()
	s, err := stage.Find(os.DirFS(root), "p1")
	require.NoError(t, err)
	return s
}

// newTree writes a toy workspace for a test that runs beside others.
func newTree(t *testing.T) (root string) {
	t.Parallel()
	return toy.Write(t)
}

// run tries variants. It returns the rows by ID, and the table.
func run(t *testing.T, root string, o zoo.Options) (map[string]zoo.Row, string) {
	t.Helper()
	rows, err := zoo.Run(t.Context(), root, find(t, root), o)
	require.NoError(t, err)
	all := map[string]zoo.Row{}
	for _, r := range rows {
		all[r.ID] = r
	}
	var b bytes.Buffer
	for i := range rows {
		require.NoError(t, zoo.PrintRow(&b, &rows[i], false))
	}
	require.NoError(t, zoo.PrintSummary(&b, rows))
	return all, b.String()
}

func TestWrongVariantsAreKilledAndRightOnesPass(t *testing.T) {
	var told []string
	rows, table := run(t, newTree(t), zoo.Options{Wrong: true, Right: true, Report: func(r zoo.Row) { told = append(told, r.ID) }})
	require.Len(t, rows, 4)
	require.Equal(t, []string{"counts-in-a-list", "T1-knows-no-limit", "T2-lists-backwards", "T3-forgets-orders"}, told)
	for id, want := range map[string]string{
		"T1-knows-no-limit":  "p1.1 tally TestCountStaysWithinItsBounds",
		"T2-lists-backwards": "p1.2 tally TestKeysAreInOrder",
		"T3-forgets-orders":  "p1.3 tally TestOrderThatComesTwiceIsCarriedOutOnce",
		"counts-in-a-list":   " ",
	} {
		r := rows[id]
		require.True(t, r.OK(), "%s\n%s", id, table)
		require.Equal(t, want, r.Step+" "+r.Check)
	}
	require.True(t, rows["T1-knows-no-limit"].Said)
	require.Equal(t, "rule: a count is the sum of what was added to it, within its bounds\n    tally_test.go:25: a count above its bound: 2000",
		rows["T1-knows-no-limit"].Message)
	require.False(t, rows["T3-forgets-orders"].Said, "its message is that of the simulator, which was not needed")
	require.Contains(t, table, "3 of 3 mutants killed, 2 of them with the message that they must be told; 1 of 1 right variants pass\n")
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// patch writes a mutant that replaces one line of the toy's tally.go.
func patch(t *testing.T, root, dir, id, instrument, old, with string) {
	t.Helper()
	const file = "p1-toy/tally/tally.go"
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	before, _, ok := strings.Cut(string(text), old)
	require.True(t, ok, old)
	line := strings.Count(before, "\n") + 1
	lines := strings.Count(with, "\n") + 1
	body := "rule: r\ninstrument: " + instrument + "\nmessage: never said\n--- a/" + file + "\n+++ b/" + file + "\n" +
		"@@ -" + itoa(line) + ",1 +" + itoa(line) + "," + itoa(lines) + " @@\n-" + old + "\n+" + strings.ReplaceAll(with, "\n", "\n+") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, id+".patch"), []byte(body), 0o600))
}

// imports lets a mutant import one more package: in a hunk before its own.
func imports(t *testing.T, dir, id, name string) {
	t.Helper()
	file := filepath.Join(dir, id+".patch")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	const head = "+++ b/p1-toy/tally/tally.go\n"
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), head, head+"@@ -6,1 +6,2 @@\n \t\"maps\"\n+\t\""+name+"\"\n", 1)), 0o600))
}

func itoa(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

func TestOnlyACatchCountsAsAKill(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "equivalent", "U", add, "\tt.counts[name] = within(lowest, sum, Limit+0)")
	patch(t, root, dir, "no-build", "U", add, "\tt.counts[name] = within(lowest, sum, \"\")")
	patch(t, root, dir, "process", "U", add, "\tt.counts[name] = within(lowest, sum, Limit)\n\tif _, tested := os.LookupEnv(\"TALLY_IS_ME\"); tested { t.counts[name]++ }")
	patch(t, root, dir, "no-test", "U", "func (t Table) Keys() []string {", "func (t Table) Keys() (none [0]string) {\n\treturn none\n}\n\nfunc (t Table) keys() []string {")
	patch(t, root, dir, "near", "U", "\tremember(t.orders, order)", "\treturn false")
	patch(t, root, dir, "no-program", "U", "func New() *Table {", "func New(...int) *Table {\n\treturn nil\n}\n\nfunc old() *Table {")
	write(t, root, "p1-toy/cmd/extra/main.go", "package main\n\nimport \"toy.example/p1-toy/tally\"\n\nvar newTable func() *tally.Table = tally.New\n\nfunc main() { newTable() }\n")
	patch(t, root, dir, "stale", "U", add, add)
	stale := filepath.Join(dir, "stale.patch")
	text, err := os.ReadFile(stale)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stale, []byte(strings.Replace(string(text), "sum, Limit", "sum, Max", 1)), 0o600))

	imports(t, dir, "process", "os")

	rows, table := run(t, root, zoo.Options{Wrong: true, From: dir})
	require.ErrorIs(t, rows["no-build"].Err, exam.ErrBuild)
	require.ErrorContains(t, rows["no-build"].Err, "\np1-toy/tally/tally.go:40:")
	require.ErrorIs(t, rows["no-test"].Err, exam.ErrBuild)
	require.ErrorIs(t, rows["no-program"].Err, exam.ErrBuild, "although a test of its own package fails")
	require.ErrorContains(t, rows["no-program"].Err, "\np1-toy/cmd/extra/main.go:5:")
	require.ErrorIs(t, rows["stale"].Err, mutant.ErrStale)
	for _, id := range []string{"equivalent", "no-build", "no-test", "no-program", "stale"} {
		r := rows[id]
		require.False(t, r.OK(), id)
		require.Empty(t, r.Check, id)
	}
	killed := rows["process"]
	require.True(t, killed.OK(), table)
	require.Equal(t, "p1.1 cmd/tally TestOrdersAreReadAndAnswered", killed.Step+" "+killed.Check)
	require.Equal(t, "p1.3", rows["near"].Step, "the checks of the step that it changes come first")
	require.Regexp(t, `(?m)^equivalent +SURVIVES`, table)
	require.Regexp(t, `(?m)^stale +ERROR`, table)
	require.Contains(t, table, "2 of 7 mutants killed, 0 of them")
}

// spoil changes the toy's unit tests.
func spoil(t *testing.T, root, old, with string) {
	t.Helper()
	file := filepath.Join(root, "p1-toy/tally/tally_test.go")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, with, 1)), 0o600))
}

func TestAKillByLuckIsNone(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	spoil(t, root, `"slices"`, "\"os\"\n\t\"slices\"")
	spoil(t, root, "if got := table.Do(3, \"a\", 40); got != 42", "if got := table.Do(3, \"a\", 40); got != 42 && os.Getenv(\"DSS_SEED\") == \"1\"")
	require.NoError(t, os.WriteFile(filepath.Join(root, "p1-toy/testdata/add.txt"), []byte("1 a 2\n----\na=2\n"), 0o600))
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "lucky", "U", add, add+"\n\tif sum == 42 && len(t.counts) == 2 {\n\t\tt.counts[name]++\n\t}")
	rows, table := run(t, root, zoo.Options{Wrong: true, From: dir, Runs: 2})
	lucky := rows["lucky"]
	require.NoError(t, lucky.Err, table)
	require.Equal(t, "tally TestCountsAreSums", lucky.Check, "with the first seed")
	require.True(t, lucky.Luck, table)
	require.False(t, lucky.OK())
	require.Contains(t, table, "not caught with other seeds: it was luck")
}

func TestACheckThatFailsOnTheTreeAsItIsKillsNothing(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	spoil(t, root, `got != "a=1, b=1, c=1"`, `got != "wrong"`)
	patch(t, root, dir, "shows-nothing", "U", "\treturn slices.Sorted(maps.Keys(t.counts))", "\treturn slices.Sorted(maps.Keys(map[string]int{}))")
	rows, table := run(t, root, zoo.Options{Wrong: true, From: dir})
	nothing := rows["shows-nothing"]
	require.False(t, nothing.OK(), table)
	require.Empty(t, nothing.Check)
	require.ErrorContains(t, nothing.Err, "tally TestKeysAreInOrder of p1.2 fails on the tree as it is, too")
}

func TestAKilledMutantIsOneLineAndASurvivorMore(t *testing.T) {
	killed := zoo.Row{
		ID: "K1", Rule: "save, then send", Step: "p1.1", Check: "tally TestX", Schedules: 7, Race: true, Said: true,
		Message: "rule: r\nwhat\nwent\nwrong\nis\ntold\nin\nmany\nlines", Took: 1500 * time.Millisecond,
	}
	unsaid, lucky, failed, survivor := killed, killed, killed, killed
	unsaid.Said = false
	lucky.Luck = true
	failed.Right, failed.Rule, failed.Race, failed.Schedules = true, "", false, 0
	survivor = zoo.Row{ID: "K1", Rule: "save, then send"}
	stale := zoo.Row{ID: "K1", Rule: "save, then send", Err: mutant.ErrStale}
	const by = "p1.1 tally TestX, after 7 schedules, under the race detector"
	const message = "    rule: r\n    what\n    went\n    wrong\n    is\n    told\n    in\n    many\n    …\n"
	const line = "K1                                     "
	for _, c := range []struct {
		row     zoo.Row
		details bool
		want    string
	}{
		{killed, false, line + "killed      1.5 s  " + by + "\n"},
		{killed, true, line + "killed      1.5 s  " + by + "\n    breaks: save, then send\n" + message},
		{unsaid, false, line + "killed      1.5 s  " + by + ", without its message\n"},
		{lucky, false, line + "SURVIVES    1.5 s  " + by + "\n    breaks: save, then send\n    not caught with other seeds: it was luck\n"},
		{failed, false, line + "FAILS       1.5 s  p1.1 tally TestX\n" + message},
		{survivor, false, line + "SURVIVES    0.0 s\n    breaks: save, then send\n"},
		{stale, false, line + "ERROR       0.0 s\n    breaks: save, then send\n    patch does not fit\n"},
	} {
		var b bytes.Buffer
		require.NoError(t, zoo.PrintRow(&b, &c.row, c.details))
		require.Empty(t, cmp.Diff(c.want, b.String()))
	}
}

func TestARightVariantThatFailsIsTold(t *testing.T) {
	root := newTree(t)
	variant := filepath.Join(root, "p1-toy/mutants/right/counts-in-a-list/tally/tally.go")
	text, err := os.ReadFile(variant)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(variant, bytes.Replace(text, []byte(`", ")`), []byte(`"; ")`), 1), 0o600))
	rows, table := run(t, root, zoo.Options{Right: true})
	r := rows["counts-in-a-list"]
	require.False(t, r.OK())
	require.Equal(t, "tally TestKeysAreInOrder", r.Check)
	require.Contains(t, table, "counts-in-a-list                       FAILS ")
}

func TestWhatAVariantCannotReachSaysNothingOfIt(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	write(t, root, "p1-toy/order/order_test.go", "package order_test\n\nimport \"testing\"\n\nfunc TestMostIsTheFirstOfTheLargest(t *testing.T) { t.Error(\"fails always\") }\n")
	patch(t, root, dir, "equivalent", "U", "\treturn min(max(n, low), high)", "\treturn max(min(n, high), low)")
	rows, table := run(t, root, zoo.Options{Right: true, Wrong: true, From: dir})
	right, wrong := rows["counts-in-a-list"], rows["equivalent"]
	require.Equal(t, "passes", right.Outcome(), table)
	require.Equal(t, "SURVIVES", wrong.Outcome(), table)
}

func TestARaceIsCaughtIfItsInstrumentIsTheDetector(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "race", "R", add, add+"\n\tdone := make(chan bool)\n\tgo func() { sum++; done <- true }()\n\tsum++\n\t<-done")
	rows, table := run(t, root, zoo.Options{Wrong: true, From: filepath.Join(dir, "race.patch")})
	r := rows["race"]
	require.True(t, r.OK(), table)
	require.True(t, r.Race)
	require.Contains(t, r.Message, "WARNING: DATA RACE")
}

func TestPatchesAreFoundByName(t *testing.T) {
	root := newTree(t)
	text, err := zoo.Patch(root, find(t, root), "", "T2-lists-backwards")
	require.NoError(t, err)
	require.Contains(t, string(text), "message: names are not in order\n--- a/p1-toy/tally/tally.go")
	_, err = zoo.Patch(root, find(t, root), "", "T9")
	require.ErrorContains(t, err, `no mutant "T9": there is T1-knows-no-limit, T2-lists-backwards, T3-forgets-orders`)
}

func TestAnInterruptedRunReturnsWhatIsDone(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	for _, id := range strings.Split("abcdefgh", "") {
		patch(t, root, dir, id, "U", "\treturn min(max(n, low), high)", "\treturn max(n, low)")
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	rows, err := zoo.Run(ctx, root, find(t, root), zoo.Options{Wrong: true, From: dir, Report: func(zoo.Row) {
		cancel()
		told++
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, rows, told)
	require.NotEmpty(t, rows)
	require.Less(t, len(rows), 8)
}

func TestAnInterruptedRunTellsOfWhatWasDoneOutOfTurn(t *testing.T) {
	root, dir := newTree(t), t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	const within = "\treturn min(max(n, low), high)"
	patch(t, root, dir, "a-hangs", "U", within, "\tfor {\n\t}")
	patch(t, root, dir, "b-is-killed", "U", within, "\treturn max(n, low)")
	patch(t, root, dir, "c-calls", "U", within, "\t_, _ = net.Dial(\"tcp\", \""+ln.Addr().String()+"\")\n\tfor {\n\t}")
	imports(t, dir, "c-calls", "net")

	ctx, cancel := context.WithCancel(t.Context())
	var called sync.WaitGroup
	called.Go(func() { // c is tried when b is done, for two are at a time
		if conn, err := ln.Accept(); err == nil {
			conn.Close()
		}
		cancel()
	})
	var told []string
	rows, err := zoo.Run(ctx, root, find(t, root), zoo.Options{Wrong: true, From: dir, Timeout: 10 * time.Minute, Report: func(r zoo.Row) { told = append(told, r.ID) }})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, rows, 1)
	require.Equal(t, []string{"b-is-killed"}, told)
	called.Wait()
}
