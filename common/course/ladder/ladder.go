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
package ladder

import "errors"

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
