package zoo_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/course/stage"
	"dss.example/common/course/toy"
	"dss.example/common/course/zoo"
	"dss.example/common/house/mutant"
)

func find(t *testing.T, root string) *stage.Stage {
	t.Helper()
	s, err := stage.Find(os.DirFS(root), "p1")
	require.NoError(t, err)
	return s
}

// run tries variants, and checks that no temporary file is left. It returns the rows
// by ID, and the table.
func run(t *testing.T, root string, o zoo.Options) (map[string]zoo.Row, string) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	rows, err := zoo.Run(t.Context(), root, find(t, root), o)
	require.NoError(t, err)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
	all := map[string]zoo.Row{}
	for _, r := range rows {
		all[r.ID] = r
	}
	var b bytes.Buffer
	require.NoError(t, zoo.Print(&b, rows))
	return all, b.String()
}

func TestWrongVariantsAreKilledAndRightOnesPass(t *testing.T) {
	told := 0
	rows, table := run(t, toy.Write(t), zoo.Options{Wrong: true, Right: true, Report: func(zoo.Row) { told++ }})
	require.Len(t, rows, 4)
	require.Equal(t, 4, told)
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

func itoa(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

func TestOnlyACatchCountsAsAKill(t *testing.T) {
	root, dir := toy.Write(t), t.TempDir()
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "equivalent", "U", add, "\tt.counts[name] = within(lowest, sum, Limit+0)")
	patch(t, root, dir, "no-build", "U", add, "\tt.counts[name] = within(lowest, sum, \"\")")
	patch(t, root, dir, "process", "U", add, "\tt.counts[name] = within(lowest, sum, Limit)\n\tif _, tested := os.LookupEnv(\"TALLY_IS_ME\"); tested { t.counts[name]++ }")
	patch(t, root, dir, "no-test", "U", "func (t Table) Keys() []string {", "func (t Table) Keys() (none [0]string) {\n\treturn none\n}\n\nfunc (t Table) keys() []string {")
	patch(t, root, dir, "near", "U", "\tremember(t.orders, order)", "\treturn false")
	patch(t, root, dir, "stale", "U", add, add)
	stale := filepath.Join(dir, "stale.patch")
	text, err := os.ReadFile(stale)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stale, []byte(strings.Replace(string(text), "sum, Limit", "sum, Max", 1)), 0o600))

	// The process mutant needs an import: a second hunk.
	process := filepath.Join(dir, "process.patch")
	text, err = os.ReadFile(process)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(process, []byte(strings.Replace(string(text), "+++ b/p1-toy/tally/tally.go\n", "+++ b/p1-toy/tally/tally.go\n@@ -6,1 +6,2 @@\n \t\"maps\"\n+\t\"os\"\n", 1)), 0o600))

	rows, table := run(t, root, zoo.Options{Wrong: true, From: dir})
	require.ErrorIs(t, rows["no-build"].Err, exam.ErrBuild)
	require.ErrorContains(t, rows["no-build"].Err, "\np1-toy/tally/tally.go:40:")
	require.ErrorIs(t, rows["no-test"].Err, exam.ErrBuild)
	require.ErrorIs(t, rows["stale"].Err, mutant.ErrStale)
	for _, id := range []string{"equivalent", "no-build", "no-test", "stale"} {
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
	require.Contains(t, table, "2 of 6 mutants killed, 0 of them")
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
	root, dir := toy.Write(t), t.TempDir()
	spoil(t, root, `"slices"`, "\"os\"\n\t\"slices\"")
	spoil(t, root, "if got := table.Do(3, \"a\", 40); got != 42", "if got := table.Do(3, \"a\", 40); got != 42 && os.Getenv(\"DSS_SEED\") == \"1\"")
	require.NoError(t, os.WriteFile(filepath.Join(root, "p1-toy/testdata/add.txt"), []byte("1 a 2\n----\na=2\n"), 0o600))
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "lucky", "U", add, add+"\n\tif sum == 42 && len(t.counts) == 2 {\n\t\tt.counts[name]++\n\t}")
	for runs, luck := range map[int]bool{1: false, 2: true} {
		rows, table := run(t, root, zoo.Options{Wrong: true, From: dir, Runs: runs})
		lucky := rows["lucky"]
		require.NoError(t, lucky.Err, table)
		require.Equal(t, "tally TestCountsAreSums", lucky.Check)
		require.Equal(t, luck, lucky.Luck, table)
		require.Equal(t, !luck, lucky.OK())
		require.Equal(t, luck, strings.Contains(table, "not caught with other seeds: it was luck"))
	}
}

func TestACheckThatFailsOnTheTreeAsItIsKillsNothing(t *testing.T) {
	root, dir := toy.Write(t), t.TempDir()
	spoil(t, root, `got != "a=1, b=1, c=1"`, `got != "wrong"`)
	patch(t, root, dir, "shows-nothing", "U", "\treturn slices.Sorted(maps.Keys(t.counts))", "\treturn slices.Sorted(maps.Keys(map[string]int{}))")
	rows, table := run(t, root, zoo.Options{Wrong: true, From: dir})
	nothing := rows["shows-nothing"]
	require.False(t, nothing.OK(), table)
	require.Empty(t, nothing.Check)
	require.ErrorContains(t, nothing.Err, "tally TestKeysAreInOrder of p1.2 fails on the tree as it is, too")
}

func TestARightVariantThatFailsIsTold(t *testing.T) {
	root := toy.Write(t)
	variant := filepath.Join(root, "p1-toy/mutants/right/counts-in-a-list/tally/tally.go")
	text, err := os.ReadFile(variant)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(variant, bytes.Replace(text, []byte(`", ")`), []byte(`"; ")`), 1), 0o600))
	rows, table := run(t, root, zoo.Options{Right: true})
	r := rows["counts-in-a-list"]
	require.False(t, r.OK())
	require.Equal(t, "tally TestKeysAreInOrder", r.Check)
	require.Contains(t, table, "counts-in-a-list                   FAILS")
}

func TestARaceIsCaughtIfItsInstrumentIsTheDetector(t *testing.T) {
	root, dir := toy.Write(t), t.TempDir()
	const add = "\tt.counts[name] = within(lowest, sum, Limit)"
	patch(t, root, dir, "race", "R", add, add+"\n\tdone := make(chan bool)\n\tgo func() { sum++; done <- true }()\n\tsum++\n\t<-done")
	rows, table := run(t, root, zoo.Options{Wrong: true, From: filepath.Join(dir, "race.patch")})
	r := rows["race"]
	require.True(t, r.OK(), table)
	require.True(t, r.Race)
	require.Contains(t, r.Message, "WARNING: DATA RACE")
}

func TestPatchesAreFoundByName(t *testing.T) {
	root := toy.Write(t)
	text, err := zoo.Patch(root, find(t, root), "", "T2-lists-backwards")
	require.NoError(t, err)
	require.Contains(t, string(text), "message: names are not in order\n--- a/p1-toy/tally/tally.go")
	_, err = zoo.Patch(root, find(t, root), "", "T9")
	require.ErrorContains(t, err, `no mutant "T9": there is T1-knows-no-limit, T2-lists-backwards, T3-forgets-orders`)
}

func TestAnInterruptedRunReturnsWhatIsDone(t *testing.T) {
	root := toy.Write(t)
	ctx, cancel := context.WithCancel(t.Context())
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	rows, err := zoo.Run(ctx, root, find(t, root), zoo.Options{Wrong: true, Report: func(zoo.Row) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	require.NotEmpty(t, rows)
	require.Less(t, len(rows), 3)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}
