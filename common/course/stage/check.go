package stage

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

var (
	stageID = regexp.MustCompile(`^p[1-9][0-9]*$`)
	testID  = regexp.MustCompile(`^Test[A-Za-z0-9_]*$`)
)

// check tells the first thing that is wrong.
func (s *Stage) check() error {
	switch {
	case !stageID.MatchString(s.ID):
		return fmt.Errorf("stage: %q: want p and a number", s.ID)
	case s.Title == "":
		return fmt.Errorf("title: is missing")
	case len(s.Steps) == 0:
		return fmt.Errorf("steps: are missing")
	case s.Budgets.Public < 1 || s.Budgets.Submit < 1 || s.Budgets.Nightly < 1:
		return fmt.Errorf("budgets: public, submit and nightly want positive numbers of schedules")
	case !(s.Whole > 0 && s.Whole <= 100):
		return fmt.Errorf("points: %g: want more than 0, and at most 100", s.Whole)
	case s.Points() != s.Whole:
		return fmt.Errorf("steps: their points without bonus steps are %g: want %g", s.Points(), s.Whole)
	}
	for _, pattern := range s.MayChange {
		if !local(pattern) {
			return fmt.Errorf("may_change: %q: want a path inside the stage's folder, or a pattern of path.Match", pattern)
		}
	}
	ids := map[string]bool{}
	for i := range s.Steps {
		step := &s.Steps[i]
		if ids[step.ID] {
			return fmt.Errorf("steps: %s is there twice", step.ID)
		}
		ids[step.ID] = true
		if err := s.checkStep(step); err != nil {
			return fmt.Errorf("step %s: %w", step.ID, err)
		}
	}
	return nil
}

func (s *Stage) checkStep(step *Step) error {
	switch {
	case !strings.HasPrefix(step.ID, s.ID+"."):
		return fmt.Errorf("id: want %s. and a number", s.ID)
	case step.Title == "":
		return fmt.Errorf("title: is missing")
	case step.Points <= 0:
		return fmt.Errorf("points: %g: want more than 0", step.Points)
	case len(step.Funcs) == 0:
		return fmt.Errorf("funcs: are missing")
	case len(step.Tests) == 0:
		return fmt.Errorf("tests: are missing")
	}
	for i := range step.Tests {
		if err := step.Tests[i].check(); err != nil {
			return fmt.Errorf("tests: number %d: %w", i+1, err)
		}
	}
	return nil
}

func (t *Test) check() error {
	kinds := 0
	for _, set := range []bool{t.Unit != "", t.Process != "", len(t.Scripts) > 0, t.Seeds != nil} {
		if set {
			kinds++
		}
	}
	goTest := t.Unit != "" || t.Process != ""
	switch {
	case kinds != 1:
		return fmt.Errorf("want exactly one of unit, process, scripts, seeds")
	case t.Rule == "":
		return fmt.Errorf("rule: is missing")
	case goTest != (len(t.Run) > 0):
		return fmt.Errorf("run: unit and process name their tests there, others have none")
	case goTest && !local(t.Unit+t.Process):
		return fmt.Errorf("%q: want a folder inside the stage's", t.Unit+t.Process)
	}
	for _, name := range t.Run {
		if !testID.MatchString(name) {
			return fmt.Errorf("run: %q: want the name of a top-level test", name)
		}
	}
	for _, file := range t.Scripts {
		if !local(file) {
			return fmt.Errorf("scripts: %q: want a file inside the stage's folder", file)
		}
	}
	return nil
}

// local reports whether p stays inside the stage's folder and is a pattern.
func local(p string) bool {
	_, err := path.Match(p, "")
	return err == nil && p != "" && path.Clean(p) == p && !path.IsAbs(p) && p != ".." && !strings.HasPrefix(p, "../")
}
