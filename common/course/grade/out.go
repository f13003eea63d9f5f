package grade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	"dss.example/common/course/results"
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// The files that Run writes: for each student what Gradescope reads, and what a later
// Run reads; and one for all.
const (
	resultsFile = "results.json"
	reportFile  = "report.json"
	scoresFile  = "scores.csv"
)

// out is the folder of results. No name of a student leads out of it.
type out struct {
	root  *os.Root
	stage *stage.Stage

	mu      sync.Mutex // protects following, and scores.csv
	reports map[string]*results.Report
}

// saved is a Report as a later Run reads it.
type saved struct {
	Stage   string          `json:"stage"`
	Checks  []judge.Verdict `json:"checks"`
	Refused string          `json:"refused,omitempty"`
	Broken  string          `json:"broken,omitempty"`
	Ignored []string        `json:"ignored,omitempty"`
}

// openOut opens the folder and reads what earlier runs have left.
func openOut(c Config) (*out, error) {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.Out)
	if err != nil {
		return nil, err
	}
	o := &out{root: root, stage: c.Stage, reports: map[string]*results.Report{}}
	entries, err := os.ReadDir(c.Out)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	for _, e := range entries {
		if r := o.read(e.Name()); r != nil {
			o.reports[e.Name()] = r
		}
	}
	return o, nil
}

func (o *out) close() { _ = o.root.Close() } // every file was closed before

// read returns a student's report, nil if there is none that can be used.
func (o *out) read(name string) *results.Report {
	text, err := o.root.ReadFile(path.Join(name, reportFile))
	if err != nil {
		return nil
	}
	var s saved
	if json.Unmarshal(text, &s) != nil || s.Stage != o.stage.ID {
		return nil
	}
	return &results.Report{
		Stage: o.stage, Student: name, Checks: s.Checks, Refused: s.Refused, Broken: s.Broken, Ignored: s.Ignored,
	}
}

// has reports whether a student has been graded: one whose total is not known has not.
func (o *out) has(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.reports[name]
	if r == nil {
		return false
	}
	_, known := r.Total()
	return known
}

// put writes a report and the scores of all.
func (o *out) put(r *results.Report) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.root.MkdirAll(r.Student, 0o755); err != nil {
		return err
	}
	err := o.write(path.Join(r.Student, resultsFile), func(w io.Writer) error { return results.WriteGradescope(w, r) })
	if err != nil {
		return err
	}
	text, err := json.Marshal(saved{r.Stage.ID, r.Checks, r.Refused, r.Broken, r.Ignored})
	if err != nil {
		return err
	}
	err = o.write(path.Join(r.Student, reportFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	o.reports[r.Student] = r
	var all []*results.Report
	for _, known := range o.reports {
		all = append(all, known)
	}
	return o.write(scoresFile, func(w io.Writer) error { return results.WriteCSV(w, o.stage, all) })
}

// write replaces a file as a whole, or not at all.
func (o *out) write(name string, fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	part := path.Join(path.Dir(name), ".part")
	f, err := o.root.Create(part)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return o.root.Rename(part, name)
}
