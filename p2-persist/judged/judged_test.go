package judged

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob/blobtest"
	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
	"dss.example/common/stable/stabletest"
)

func TestMain(m *testing.M) { judgetest.Main(m, "p2", Checks()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, Checks()), 9, "p2.1 to p2.9")
}

func TestEveryPromiseOfASuiteIsInOneCheck(t *testing.T) {
	var want, got []string
	for _, c := range blobtest.Checks() {
		want = append(want, c.Name)
	}
	for _, g := range group(blobPromises(), blobtest.Checks(), func(c blobtest.Check) string { return c.Name }) {
		require.NotEmpty(t, g.checks, g.name)
		for _, c := range g.checks {
			got = append(got, c.Name)
			require.Contains(t, g.rule, c.Name[1:])
		}
	}
	for _, c := range stabletest.Checks() {
		want = append(want, c.Name)
	}
	for _, g := range group(logPromises(), stabletest.Checks(), func(c stabletest.Check) string { return c.Name }) {
		require.NotEmpty(t, g.checks, g.name)
		for _, c := range g.checks {
			got = append(got, c.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Empty(t, cmp.Diff(want, got))
}

// served is the package of the program that serves the stage's parts.
var served = []string{"../cmd/parts"}

// verdicts judges programs, by one check or, without a name, all of a step or of all.
func verdicts(t *testing.T, bin, step, name string, args ...string) []judge.Verdict {
	return judgetest.Verdicts(t, bin, name, append([]string{"-step", step, "-cpu", "20s"}, args...)...)
}

func TestTheReferencePassesEveryCheck(t *testing.T) {
	bin := judgetest.Build(t, served)
	steps := []string{"all"}
	if testing.Short() {
		steps = []string{"p2.2", "p2.6", "p2.9"} // what takes little
	}
	for _, step := range steps {
		judgetest.RequireOutcome(t, judge.Passed, verdicts(t, bin, step, ""))
	}
}

// Each is a wrong program that somebody would write, and the check that is made for it.
func TestWhatIsBrokenFailsWhereItShould(t *testing.T) {
	for name, c := range map[string]struct{ file, right, wrong, caught string }{
		"keys that are no text are taken":       {"../object/check.go", "it.key && it.major != majorText", "it.key && it.major == majorTag", "what is not canonical is refused"},
		"a link after the first is lost":        {"../object/check.go", "!yield(id, err) {", "!yield(id, err) || true {", "links are found in order"},
		"cuts follow the reads":                 {"../chunk/stream.go", "s.err == nil && s.end-s.start < s.max", "s.err == nil && s.end == s.start", "the same cuts for any split of the reads"},
		"the size of a blob is not looked at":   {"../file/span.go", "v.node.Level != level || size != p.Size", "v.node.Level != level", "a file that lies is malformed"},
		"a node ends by its size alone":         {"../tree/rule.go", "rank(level, key) < ", "0 == ", "the same pairs have the same root"},
		"proofs with too much are believed":     {"../tree/proof.go", "err == nil && len(path.rest) > 0", "err == nil && len(path.rest) > 9", "only a true proof is believed"},
		"a failed sync is tried again":          {"../segment/writer.go", "if err := w.segment.file.Sync(); err != nil {\n\t\treturn w.fail(err)", "if err := w.segment.file.Sync(); err != nil {\n\t\treturn err", "after a failed sync nothing is done"},
		"damage in the middle is the end":       {"../segment/scan.go", "return sc.at >= sc.synced || sc.at > sc.last, nil", "return true, nil", "torn is not damaged"},
		"the directory is not synced":           {"../segment/writer.go", "return w.fail(fs.SyncDir(path.Dir(name)))", "return nil", "a crash leaves a prefix"},
		"a segment is left without a sync":      {"../wal/log.go", "if err := l.last.Sync(); err != nil {", "if err := l.last.Flush(); err != nil {", "every crash leaves what the twin could leave"},
		"a head is seen before its blobs":       {"../head/store.go", "return s.blobs.Sync()", "return nil", "no head before its blobs"},
		"the hash is not looked at":             {"../pack/record.go", "return b, id.Check(b)", "return b, nil", "only the hash is believed"},
		"the bytes of a put are not copied":     {"../pack/store.go", "bytes: bytes.Clone(b)}", "bytes: bytes.TrimSuffix(b, nil)}", "a blob is what was put"},
		"a commit is no later than its parents": {"../history/history.go", "time = max(time, p.Time+1)", "time = max(time, p.Time)", "a commit moves its branch"},
	} {
		if testing.Short() && !strings.HasPrefix(c.file, "../segment") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			bin := judgetest.Build(t, served, judgetest.Mistake{File: c.file, Right: c.right, Wrong: c.wrong})
			got := verdicts(t, bin, "all", c.caught, "-cpu", "3s")
			require.Len(t, got, 1)
			judgetest.RequireOutcome(t, judge.Failed, got)
		})
	}
}

// Nothing that a program says in the place of an answer is worth a point.
func TestProgramsThatDoNotAnswerGetNothing(t *testing.T) {
	program := filepath.Join(judgetest.Build(t, []string{"./testdata/parts"}), "parts")
	step := "all"
	if testing.Short() {
		step = "p2.5"
	}
	for how, c := range map[string]struct{ check, message string }{ // no check: all of the step
		"agrees":  {"", ""},
		"refuses": {"", ""},
		"echoes":  {"", ""},
		"ends":    {"time travel", "the program has ended"},
		"talks":   {"one value has one encoding", "no answer of parts"},
		"claims":  {"fixed cuts", "frame of 4294967295 bytes"},
		"sleeps":  {"a diff tells what differs", "did nothing for 300ms while it was waited for"},
		"is slow": {"zeros are holes", "used more than 1s of processor time"},
		"floods":  {"a log comes back", "malformed CBOR"},
		"asks":    {"a crash leaves a prefix", "and did not end"},
		"writes":  {"torn is not damaged", "and did not end"},
	} {
		t.Run(how, func(t *testing.T) {
			args := []string{"-idle", "300ms", "-cpu", "1s"}
			if c.check == "" {
				args = append(args, "-step", step)
			}
			for _, v := range verdicts(t, judgetest.Marked(t, program, how), "all", c.check, args...) {
				require.NotEqual(t, judge.Passed, v.Outcome, v.Check)
				require.Equal(t, judge.Failed, v.Outcome, "%s: %s", v.Check, v.Message)
				require.Contains(t, v.Message, c.message, v.Check)
			}
		})
	}
}
