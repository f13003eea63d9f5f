// Package stage reads what a stage says of itself: its stage.yaml.
//
// Paths in it are relative to the stage's folder and use slashes.
package stage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrStage means that a stage.yaml, or the tree around it, is not as it should be.
var ErrStage = errors.New("bad stage.yaml")

// Stage is one project of the course.
type Stage struct {
	ID    string `yaml:"stage"` // "p1"
	Title string `yaml:"title"`

	// MayChange are the files that a student owns, as patterns of path.Match. What
	// ends in _test.go is never among them. MayImport are what these files may import
	// besides the standard library and the stage's own packages: import paths, or
	// prefixes that end in "/...".
	MayChange []string `yaml:"may_change"`
	MayImport []string `yaml:"may_import"`

	// Whole is what the steps are worth together, without bonus steps: 100 unless said,
	// and less while some of the stage's steps are still to come.
	Whole float64 `yaml:"points"`

	Steps   []Step  `yaml:"steps"` // in the order in which they are built
	Budgets Budgets `yaml:"budgets"`

	Dir string `yaml:"-"` // the stage's folder from the root: "p1-kvrpc"
}

// Step is one rung of a stage's ladder.
type Step struct {
	ID     string  `yaml:"id"` // "p1.3"
	Title  string  `yaml:"title"`
	Points float64 `yaml:"points"`
	Bonus  bool    `yaml:"bonus"` // not among the stage's points

	// Funcs are the functions to write: "table.Table.put", "newton.Sqrt": the folder
	// of the package, the receiver's type if there is one, the name.
	Funcs []string `yaml:"funcs"`
	Tests []Test   `yaml:"tests"`
}

// Test is a group of tests of one kind: unit tests, golden scripts, seeds, or tests
// of real processes. Exactly one of the four is set.
type Test struct {
	Unit    string   `yaml:"unit"`    // folder of a package; Run names its top-level tests
	Process string   `yaml:"process"` // the same, for tests that start real processes
	Run     []string `yaml:"run"`
	Scripts []string `yaml:"scripts"` // golden scripts: files
	Seeds   *Seeds   `yaml:"seeds"`   // schedules of the simulator

	Rule string `yaml:"rule"` // what must hold, in words that a student understands
}

// Seeds are runs of the stage's cmd/sim.
type Seeds struct {
	Args []string `yaml:"args"` // before -seed and -schedules
}

// Budgets are how many schedules a Seeds test runs.
type Budgets struct {
	Public  int `yaml:"public"`  // by ds test
	Submit  int `yaml:"submit"`  // by ds grade
	Nightly int `yaml:"nightly"` // by ds test -stress
}

// Kind says which of a Test's kinds it is: "unit", "script", "seeds" or "process".
func (t *Test) Kind() string {
	switch {
	case t.Unit != "":
		return "unit"
	case t.Process != "":
		return "process"
	case t.Seeds != nil:
		return "seeds"
	}
	return "script"
}

// Root returns the folder of the workspace that dir lies in: the nearest one upwards
// with a go.work.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.work in %s or above: run this inside the workspace, or name it with -root", dir)
		}
	}
}

// All reads every stage of the workspace at root, in order.
func All(root fs.FS) ([]*Stage, error) {
	files, err := fs.Glob(root, "*/stage.yaml")
	if err != nil {
		return nil, err
	}
	var all []*Stage
	for _, file := range files {
		s, err := read(root, file)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Stage) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Find reads the stage with that ID: "p1".
func Find(root fs.FS, id string) (*Stage, error) {
	all, err := All(root)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, s := range all {
		if s.ID == id {
			return s, nil
		}
		known = append(known, s.ID)
	}
	return nil, fmt.Errorf("no stage %q: there is %s", id, strings.Join(known, ", "))
}

// FindStep reads the stage of a step's ID, "p1.3", and the step's place in it.
func FindStep(root fs.FS, id string) (*Stage, int, error) {
	of, _, _ := strings.Cut(id, ".")
	s, err := Find(root, of)
	if err != nil {
		return nil, 0, err
	}
	i, err := s.Index(id)
	return s, i, err
}

// Index returns the place of a step, which is named whole or by what follows the dot.
func (s *Stage) Index(id string) (int, error) {
	for i := range s.Steps {
		if s.Steps[i].ID == id || s.Steps[i].ID == s.ID+"."+id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("stage %s has no step %q: its steps are %s to %s", s.ID, id, s.Steps[0].ID, s.Steps[len(s.Steps)-1].ID)
}

// Changeable reports whether a student owns the file at that path from the root.
func (s *Stage) Changeable(file string) bool {
	in, ok := strings.CutPrefix(file, s.Dir+"/")
	if !ok || strings.HasSuffix(in, "_test.go") {
		return false
	}
	return slices.ContainsFunc(s.MayChange, func(pattern string) bool {
		match, _ := path.Match(pattern, in) // patterns were checked
		return match
	})
}

// Importable reports whether a file that a student owns may import a package.
// modulePath is the stage's own.
func (s *Stage) Importable(modulePath, imported string) bool {
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return imported != "C" && imported != "unsafe"
	}
	if imported == modulePath || strings.HasPrefix(imported, modulePath+"/") {
		return true
	}
	return slices.ContainsFunc(s.MayImport, func(may string) bool {
		prefix, all := strings.CutSuffix(may, "/...")
		return imported == prefix || all && strings.HasPrefix(imported, prefix+"/")
	})
}

// Points is the sum over the steps, without bonus steps.
func (s *Stage) Points() float64 {
	sum := 0.0
	for i := range s.Steps {
		if !s.Steps[i].Bonus {
			sum += s.Steps[i].Points
		}
	}
	return sum
}

func read(root fs.FS, file string) (*Stage, error) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, err
	}
	s := &Stage{Dir: path.Dir(file), Whole: 100}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrStage, file, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrStage, file, err)
	}
	return s, nil
}
