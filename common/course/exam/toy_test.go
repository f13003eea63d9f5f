package exam_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/course/toy"
	"dss.example/common/judge"
)

func TestMain(m *testing.M) { toy.Main(m) }

// tree is a toy workspace that a test changes.
type tree struct {
	t    *testing.T
	root string
}

// newTree writes one for a test that runs beside others.
func newTree(t *testing.T) *tree {
	t.Parallel()
	return &tree{t, toy.Write(t)}
}

func (w *tree) stage() *stage.Stage {
	w.t.Helper()
	s, err := stage.Find(os.DirFS(w.root), "p1")
	require.NoError(w.t, err)
	return s
}

func (w *tree) file(name string) string { return filepath.Join(w.root, filepath.FromSlash(name)) }

// replace changes a piece of a file that occurs once.
func (w *tree) replace(name, old, with string) {
	w.t.Helper()
	text, err := os.ReadFile(w.file(name))
	require.NoError(w.t, err)
	require.Equal(w.t, 1, strings.Count(string(text), old), "%s: %q", name, old)
	w.write(name, strings.Replace(string(text), old, with, 1))
}

func (w *tree) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.MkdirAll(filepath.Dir(w.file(name)), 0o700))
	require.NoError(w.t, os.WriteFile(w.file(name), []byte(text), 0o600))
}

// run tries the toy.
func (w *tree) run(o exam.Options) *results.Report {
	w.t.Helper()
	r, err := exam.Run(w.t.Context(), w.root, w.stage(), o)
	require.NoError(w.t, err)
	return r
}

// failures returns the checks that have not passed, by name.
func failures(r *results.Report) map[string]judge.Verdict {
	all := map[string]judge.Verdict{}
	for _, v := range r.Checks {
		if v.Outcome != judge.Passed {
			all[v.Check] = v
		}
	}
	return all
}

// slow is a remark that a busy machine may well get.
var slow = regexp.MustCompile(`(?m)^  slow: .* took .*\n`)

func printed(t *testing.T, r *results.Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, exam.Print(&b, r))
	return slow.ReplaceAllString(b.String(), "")
}
