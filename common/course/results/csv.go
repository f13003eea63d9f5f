package results

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"

	"dss.example/common/course/stage"
)

// WriteCSV writes a line for each report, in order of students, and a column for each
// step under a head that tells its points. What is not known is left blank. Spreadsheet
// programs take no cell for a formula.
func WriteCSV(w io.Writer, s *stage.Stage, reports []*Report) error {
	out := csv.NewWriter(w)
	head := []string{"student"}
	for i := range s.Steps {
		head = append(head, s.Steps[i].ID+" ("+number(s.Steps[i].Points)+")")
	}
	lines := [][]string{append(head, "total ("+number(s.Points())+")", "note")}
	reports = slices.Clone(reports)
	slices.SortFunc(reports, func(a, b *Report) int { return cmp.Compare(a.Student, b.Student) })
	for _, r := range reports {
		lines = append(lines, r.line())
	}
	if err := out.WriteAll(lines); err != nil {
		return err
	}
	return out.Error()
}

func (r *Report) line() []string {
	cells := []string{harmless(r.Student)}
	for _, s := range r.Scores() {
		cells = append(cells, known(s.Points, s.Judged))
	}
	total, ok := r.Total()
	return append(cells, known(total, ok), harmless(r.note()))
}

// note says in a word what to look at.
func (r *Report) note() string {
	_, known := r.Total()
	switch {
	case r.Broken != "":
		return "not graded: the grader failed"
	case r.Refused != "":
		first, _, _ := strings.Cut(r.Refused, "\n")
		return "not accepted: " + first
	case !known:
		return "not graded: some checks could not be carried out"
	}
	return ""
}

func known(points float64, ok bool) string {
	if !ok {
		return ""
	}
	return number(points)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// harmless keeps a spreadsheet from taking text for a formula.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n'", rune(text[0])) {
		return "'" + text
	}
	return text
}
