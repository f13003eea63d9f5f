package grade_test

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"

	"dss.example/common/course/grade"
	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
	"dss.example/common/course/toy"
)

// TestMain lets the test binary be the toy's judge too, one that boxes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-list" || os.Args[1] == "-bin") {
		judge.Main("p1", toyChecks())
	}
	os.Exit(m.Run())
}

func toyChecks() (checks []judge.Check) {
	for _, c := range []struct{ step, name, in, want string }{
		{"p1.1", "sums", "1 a 2\n2 a 40\n", "a=2\na=42\n"},
		{"p1.1", "bounds", "1 a -7\n2 a 9999\n", "a=0\na=1000\n"},
		{"p1.2", "order", "1 b 1\n2 a 1\nlist\n", "b=1\na=1\na=1, b=1\n"},
		{"p1.3", "once", "7 a 1\n7 a 1\n", "a=1\na=1\n"},
	} {
		checks = append(checks, judge.Check{Step: c.step, Name: c.name, Rule: "it must be so", Run: func(t *judge.T) {
			if out, code := t.Start("tally").Talk(c.in); out != c.want || code != 0 {
				t.Errorf("tally answered %q and ended with %d: want %q", out, code, c.want)
			}
		}})
	}
	return checks
}

// class is a toy workspace and submissions for it.
type class struct {
	testing.TB
	grade.Config
	ladder *ladder.Ladder

	mu    sync.Mutex // protects following
	lines []string
}

func newClass(t testing.TB) *class {
	root := toy.Write(t)
	require.NoError(t, os.RemoveAll(filepath.Join(root, "p1-toy/cmd/sim"))) // nobody grades it, so nobody need build it
	s, err := stage.Find(os.DirFS(root), "p1")
	require.NoError(t, err)
	l, err := ladder.Read(root, s)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	c := &class{TB: t, ladder: l}
	c.Config = grade.Config{
		Root: root, Stage: s, Submissions: t.TempDir(), Out: filepath.Join(t.TempDir(), "out"), Jobs: 2,
		Judge: self, JudgeArgs: []string{"-idle", "500ms", "-cpu", "1s"}, Progress: c.hear,
	}
	return c
}

func (c *class) hear(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
}

// heard returns what was told.
func (c *class) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

func (c *class) run() { require.NoError(c, grade.Run(c.Context(), c.Config)) }

// rung is the student's files when so many steps are solved.
func (c *class) rung(solved int) map[string]string {
	files, err := c.ladder.Files(solved)
	require.NoError(c, err)
	all := map[string]string{}
	for name, data := range files {
		all[name] = string(data)
	}
	return all
}

// submit hands in files, with more.
func (c *class) submit(student string, files map[string]string, more ...string) {
	all := maps.Clone(files)
	if all == nil {
		all = map[string]string{}
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	require.NoError(c, os.MkdirAll(filepath.Join(c.Submissions, student), 0o755))
	for name, data := range all {
		to := filepath.Join(c.Submissions, student, filepath.FromSlash(name))
		require.NoError(c, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(c, os.WriteFile(to, []byte(data), 0o644))
	}
}

// outcome is what results.json says.
type outcome struct {
	Score  *float64
	Output string
	Tests  []struct {
		Score  *float64
		Output string
	}
}

// text is all that a student is told.
func (o outcome) text() string {
	text := o.Output
	for _, t := range o.Tests {
		text += "\n" + t.Output
	}
	return text
}

func (c *class) outcome(student string) (o outcome) {
	c.Helper()
	text, err := os.ReadFile(filepath.Join(c.Out, student, "results.json"))
	require.NoError(c, err)
	require.NoError(c, json.Unmarshal(text, &o))
	return o
}

// scores returns scores.csv by student, without its head.
func (c *class) scores() map[string][]string {
	f, err := os.Open(filepath.Join(c.Out, "scores.csv"))
	require.NoError(c, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(c, err)
	all := map[string][]string{}
	for _, line := range lines[1:] {
		all[line[0]] = line[1:]
	}
	return all
}
