package results

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"dss.example/common/judge"
)

// The forms of Gradescope's results.json, as far as they are used. A score that is not
// there is not graded.
type (
	gradescope struct {
		Score        *float64         `json:"score,omitempty"`
		Output       string           `json:"output,omitempty"`
		OutputFormat string           `json:"output_format"`
		Visibility   string           `json:"visibility"`
		Tests        []gradescopeTest `json:"tests"`
	}
	gradescopeTest struct {
		Name       string   `json:"name"`
		Number     string   `json:"number"`
		Score      *float64 `json:"score,omitempty"`
		MaxScore   float64  `json:"max_score"`
		Status     string   `json:"status,omitempty"`
		Output     string   `json:"output"`
		Format     string   `json:"output_format"`
		Visibility string   `json:"visibility"`
	}
)

const (
	visible  = "visible"
	markdown = "md"
)

// WriteGradescope writes a report as Gradescope reads it: a test for each step, with
// what its checks found.
func WriteGradescope(w io.Writer, r *Report) error {
	out := gradescope{OutputFormat: markdown, Visibility: visible, Output: r.head()}
	if total, known := r.Total(); known {
		out.Score = &total
	}
	for _, s := range r.Scores() {
		out.Tests = append(out.Tests, s.gradescope())
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// head is what concerns the work as a whole.
func (r *Report) head() string {
	var b strings.Builder
	switch {
	case r.Broken != "":
		fmt.Fprintf(&b, "Not graded: the grader failed.\n\n%s", fence(r.Broken))
	case r.Refused != "":
		fmt.Fprintf(&b, "Not accepted, 0 points.\n\n%s", fence(r.Refused))
	default:
		if _, known := r.Total(); !known {
			b.WriteString("Not graded: some checks could not be carried out. That is no fault of this work.\n")
		}
	}
	for _, name := range r.Ignored {
		fmt.Fprintf(&b, "\n- ignored: %s", code(name))
	}
	return b.String()
}

func (s *Score) gradescope() gradescopeTest {
	t := gradescopeTest{
		Name: s.Step.ID + " " + s.Step.Title, Number: strings.TrimPrefix(s.Step.ID, "p"), MaxScore: s.Step.Points,
		Format: markdown, Visibility: visible, Output: s.output(),
	}
	if s.Step.Bonus {
		t.MaxScore = 0 // beyond the whole
	}
	if s.Judged {
		points := s.Points
		t.Score, t.Status = &points, "failed"
		if points == s.Step.Points {
			t.Status = "passed"
		}
	}
	return t
}

// output tells a student what each check found.
func (s *Score) output() string {
	var b strings.Builder
	for _, c := range s.Checks {
		fmt.Fprintf(&b, "- **%s**: %s\n", c.Outcome, c.Check)
		if c.Outcome == judge.Passed {
			continue
		}
		fmt.Fprintf(&b, "\n  %s\n", c.Rule)
		if c.Message != "" {
			b.WriteString(indent(fence(c.Message)))
		}
		if c.Replay != "" {
			fmt.Fprintf(&b, "  see it: %s\n", code(c.Replay))
		}
	}
	return b.String()
}

// fence makes a block of text that shows as it is: its fence is longer than any in it.
func fence(text string) string {
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark + "\n" + text + "\n" + mark + "\n"
}

// code is fence for one line.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	mark := "`"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark + " " + text + " " + mark
}

func indent(text string) string {
	return "\n  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
