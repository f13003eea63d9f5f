package exam

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"dss.example/common/course/stage"
)

// Check is one thing that a step's tests try.
type Check struct {
	Step string // it is part of: "p1.3"
	Kind string // "unit", "script", "seeds" or "process"
	Name string // unique in its step: "table TestPut", "testdata/put.txt", "sim -liveness 10s"
	Rule string // what must hold, in words

	dir  string   // of a Go test's package, from the root
	test string   // a top-level test
	file string   // a golden script, from the root
	args []string // of the simulator

	timeout time.Duration // if not 0, instead of the Room's
}

// kinds are in the order in which they are tried.
var kinds = []string{"unit", "script", "seeds", "process"}

func rank(kind string) int { return slices.Index(kinds, kind) }

// Checks lists the checks of a step, or of all steps if its ID is empty: step by
// step, the cheap ones first. The error says that there is no such step.
func Checks(s *stage.Stage, step string) ([]Check, error) {
	steps := s.Steps
	if step != "" {
		i, err := s.Index(step)
		if err != nil {
			return nil, err
		}
		steps = steps[i : i+1]
	}
	var all []Check
	for i := range steps {
		var own []Check
		for j := range steps[i].Tests {
			own = append(own, expand(s, steps[i].ID, &steps[i].Tests[j])...)
		}
		slices.SortStableFunc(own, func(a, b Check) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
		all = append(all, own...)
	}
	return all, nil
}

// expand makes a check of every name in a group of tests.
func expand(s *stage.Stage, step string, t *stage.Test) []Check {
	var all []Check
	add := func(name string, c Check) {
		c.Step, c.Kind, c.Rule, c.Name = step, t.Kind(), t.Rule, name
		all = append(all, c)
	}
	folder := t.Unit + t.Process
	for _, test := range t.Run {
		add(folder+" "+test, Check{dir: path.Join(s.Dir, folder), test: test})
	}
	for _, file := range t.Scripts {
		add(file, Check{file: path.Join(s.Dir, file)})
	}
	if t.Seeds != nil {
		add(strings.Join(append([]string{"sim"}, t.Seeds.Args...), " "), Check{args: t.Seeds.Args})
	}
	return all
}

// replay returns the command that tries the check again, for a shell at the root.
// seed is that of the run, or of the one schedule that failed.
func (c *Check) replay(s *stage.Stage, seed uint64, flags []string) string {
	switch {
	case c.test != "":
		words := []string{"go", "test", "./" + c.dir, "-run", quote("^" + c.test + "$")}
		command := strings.Join(append(words, flags...), " ")
		if seed != 1 {
			return fmt.Sprintf("%s=%d %s=%[2]d %[4]s", seedVars[0], seed, seedVars[1], command)
		}
		return command
	case c.file != "":
		return fmt.Sprintf("go tool ds replay %s %s", s.ID, quote(c.file))
	}
	command := fmt.Sprintf("go tool ds replay %s %d", s.ID, seed)
	if len(c.args) > 0 {
		command += " --"
	}
	for _, arg := range c.args {
		command += " " + quote(arg)
	}
	return command
}

// seedVars are the variables that hand a seed to a Go test. Without them tests take
// seed 1.
var seedVars = []string{"DSS_SEED", "KVTEST_SEED"}

// quote makes a word safe for a shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Folder is that of the package whose test the check runs, from the root. Scripts and
// seeds have none: they are for the stage's simulator.
func (c *Check) Folder() string { return c.dir }
