// Package results is what ds has to say about one person's work on a stage: one model,
// and writers for the forms that course platforms read.
package results

import (
	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// Report is all that was tried of one person's work. A step's points are shared
// equally by its Checks; those that were not judged leave the step without a score.
type Report struct {
	Stage   *stage.Stage
	Student string // empty for one's own work
	Checks  []judge.Verdict

	// Refused says why nothing was tried: the work does not build, or is not allowed.
	// It scores zero. Broken says that the infrastructure failed: it has no score.
	Refused, Broken string

	Ignored []string // files that were handed in and are not the student's to change
}
