// Package ladder makes the starter of a stage, and every rung above it, out of the
// reference. The reference says in its comments what a student is to write:
//
//	//ds:todo p1.3              in a function's doc comment: its body becomes a panic
//	//ds:todo p1.3 return nil   the same, but the body becomes this statement, where an
//	                            earlier step runs through the function
//	//ds:only p1.3              in the doc comment of a declaration, or above a file's
//	                            package clause: it is there only when p1.3 is solved
//
// A tree is "solved up to" a number of steps: 0 is the bare starter, the number of all
// steps the reference without its directives.
//
// Directives stand alone on their lines, one to a declaration, in files that gofmt has
// formatted and that the student owns. Anything else that looks like a directive is an
// error: what is overlooked would hand out a solution.
package ladder

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"dss.example/common/course/stage"
)

// ErrLadder means that directives or trees are not as they should be. Its text names
// the file and the line.
var ErrLadder = errors.New("ladder")

// Earlier says what stands in the folders of earlier stages, under a handout's kvd.
type Earlier string

// What can stand there: the reference, or the bare starters into which students put
// their own solutions.
const (
	Reference Earlier = "reference"
	Own       Earlier = "own"
)

// Func is a function that a student writes.
type Func struct {
	Name  string // as in stage.Step.Funcs: "table.Table.put"
	Step  int    // its place in stage.Stage.Steps
	File  string // from the root
	Lines int    // of its body in the reference, without blanks and comments
}

// Ladder is a stage's files and what the directives in them say. It is a picture of
// the moment in which they were read.
type Ladder struct {
	root  string
	stage *stage.Stage
	files map[string][]byte // those that the student owns, by path from the root
	cuts  map[string]*plan  // what directives say of those among them that have any
	where map[string]string // "table.Table.put" is at "p1-kvrpc/table/write.go:31"
}

// Read reads the files of a stage of the workspace at root. The error is ErrLadder if
// a Go file of the stage does not parse, or a directive is malformed or misplaced, or
// names no step; it lists all of them.
func Read(root string, s *stage.Stage) (*Ladder, error) {
	l := &Ladder{root: root, stage: s, files: map[string][]byte{}, cuts: map[string]*plan{}, where: map[string]string{}}
	names, err := stageFiles(root, s.Dir)
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, name := range names {
		if err := l.read(name); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return l, nil
}

// Files returns the files that the student owns, by path from the root, as they stand
// when that many steps are solved. A file that only a later step needs is missing.
func (l *Ladder) Files(solved int) (map[string][]byte, error) {
	if solved < 0 || solved > len(l.stage.Steps) {
		return nil, fmt.Errorf("%w: %d of %d steps solved: there is no such rung", ErrLadder, solved, len(l.stage.Steps))
	}
	files := map[string][]byte{}
	for name, text := range l.files {
		p := l.cuts[name]
		switch {
		case p == nil:
			files[name] = text
		case p.exists(solved):
			rung, err := p.rung(solved)
			if err != nil {
				return nil, fmt.Errorf("%w: %s, %d steps solved: %w", ErrLadder, name, solved, err)
			}
			files[name] = rung
		}
	}
	return files, nil
}

// Funcs returns the functions that have a //ds:todo, in the order of steps, files and
// lines. One that stands in several files, under build tags, is there several times.
func (l *Ladder) Funcs() []Func {
	var all []Func
	for name, p := range l.cuts {
		for _, c := range p.cuts {
			if c.function != "" {
				all = append(all, Func{Name: c.function, Step: c.step, File: name, Lines: c.lines})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Func) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.File, b.File))
	})
	return all
}

// Lines returns how many lines of code a step adds, without blanks and comments: the
// bodies of its functions, and what is there only with it.
func (l *Ladder) Lines(step int) int {
	sum := 0
	for _, p := range l.cuts {
		sum += p.lines(step)
	}
	return sum
}

// Where returns "FILE:LINE" of a function of the stage, whether or not it has a
// directive, or "" if there is no such function.
func (l *Ladder) Where(function string) string { return l.where[function] }

// Check reports where the directives and stage.yaml disagree: every function that a
// step lists has a //ds:todo of this step, and no other function has one.
func (l *Ladder) Check() error {
	listed := map[string]int{}
	var wrong []error
	for i := range l.stage.Steps {
		for _, name := range l.stage.Steps[i].Funcs {
			if at, twice := listed[name]; twice {
				wrong = append(wrong, l.errorf("%s is a function of %s and of %s", name, l.stage.Steps[at].ID, l.stage.Steps[i].ID))
			}
			listed[name] = i
		}
	}
	marked := map[string]bool{}
	for _, f := range l.Funcs() {
		marked[f.Name] = true
		at, ok := listed[f.Name]
		id := l.stage.Steps[f.Step].ID
		switch {
		case !ok:
			wrong = append(wrong, l.errorf("%s: %s has a //ds:todo %s and is not among the funcs of that step", l.where[f.Name], f.Name, id))
		case at != f.Step:
			wrong = append(wrong, l.errorf("%s: %s has a //ds:todo %s and is a function of %s", l.where[f.Name], f.Name, id, l.stage.Steps[at].ID))
		}
	}
	for i := range l.stage.Steps {
		for _, name := range l.stage.Steps[i].Funcs {
			if !marked[name] {
				wrong = append(wrong, l.errorf("%s of %s has no //ds:todo in a file that the student owns", name, l.stage.Steps[i].ID))
			}
		}
	}
	return errors.Join(wrong...)
}

func (l *Ladder) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrLadder, l.stage.Dir, fmt.Sprintf(format, args...))
}
