package results

import (
	"math"

	"dss.example/common/course/stage"
	"dss.example/common/judge"
)

// Score is what a step came to.
type Score struct {
	Step   *stage.Step
	Checks []judge.Verdict // of this step

	// Points are what the step is worth of its own; Judged tells that this is known:
	// every check of the step was carried out.
	Points float64
	Judged bool
}

// Scores returns what each step came to, in the order of the steps. A step without
// checks is not judged.
func (r *Report) Scores() []Score {
	var all []Score
	for i := range r.Stage.Steps {
		all = append(all, r.score(&r.Stage.Steps[i]))
	}
	return all
}

func (r *Report) score(step *stage.Step) Score {
	s := Score{Step: step}
	passed := 0
	s.Judged = true
	for _, c := range r.Checks {
		if c.Step != step.ID {
			continue
		}
		s.Checks = append(s.Checks, c)
		switch c.Outcome {
		case judge.Passed:
			passed++
		case judge.Failed:
		default:
			s.Judged = false
		}
	}
	switch {
	case r.Broken != "":
		s.Judged = false
	case r.Refused != "":
		s.Judged = true // zero
	case len(s.Checks) == 0:
		s.Judged = false
	case s.Judged:
		s.Points = round(step.Points * float64(passed) / float64(len(s.Checks)))
	}
	return s
}

// Total returns the sum of the points, bonus steps included; false if it is not known,
// because a step was not judged.
func (r *Report) Total() (points float64, known bool) {
	known = r.Broken == ""
	for _, s := range r.Scores() {
		points += s.Points
		known = known && s.Judged
	}
	return round(points), known
}

// round rounds to hundredths.
func round(x float64) float64 { return math.Round(x*100) / 100 }
