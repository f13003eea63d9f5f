package zoo

import (
	"fmt"
	"io"
	"strings"
)

// mostLines bounds what is shown of a message.
const mostLines = 8

// PrintRow writes a line on a variant. Of one that is not as it should be, or of any
// if details are wanted, it also tells the rule that a mutant breaks, and what went
// wrong as a student sees it.
func PrintRow(w io.Writer, r *Row, details bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-38s %-8s %6.1f s%s\n", r.ID, r.Outcome(), r.Took.Seconds(), r.by())
	if details || !r.OK() {
		writeDetails(&b, r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeDetails(b *strings.Builder, r *Row) {
	if r.Rule != "" {
		fmt.Fprintf(b, "    breaks: %s\n", r.Rule)
	}
	switch {
	case r.Err != nil:
		writeLines(b, r.Err.Error())
	case r.Luck:
		writeLines(b, "not caught with other seeds: it was luck")
	case r.Check != "":
		writeLines(b, r.Message)
	}
}

// PrintSummary writes one line on all variants.
func PrintSummary(w io.Writer, rows []Row) error {
	killed, mutants, passed, right, said := 0, 0, 0, 0, 0
	for i := range rows {
		r := &rows[i]
		count := func(n *int, ok bool) {
			if ok {
				*n++
			}
		}
		count(&mutants, !r.Right)
		count(&killed, !r.Right && r.OK())
		count(&said, !r.Right && r.OK() && r.Said)
		count(&right, r.Right)
		count(&passed, r.Right && r.OK())
	}
	_, err := fmt.Fprintf(w, "%d of %d mutants killed, %d of them with the message that they must be told; %d of %d right variants pass\n",
		killed, mutants, said, passed, right)
	return err
}

// Outcome is one word: passes, FAILS, killed, SURVIVES, or ERROR.
func (r *Row) Outcome() string {
	switch {
	case r.Err != nil:
		return "ERROR"
	case r.Right && r.OK():
		return "passes"
	case r.Right:
		return "FAILS"
	case r.OK():
		return "killed"
	}
	return "SURVIVES"
}

// by tells what failed.
func (r *Row) by() string {
	if r.Check == "" {
		return ""
	}
	text := "  " + r.Step + " " + r.Check
	if r.Schedules > 0 {
		text += fmt.Sprintf(", after %d schedules", r.Schedules)
	}
	if r.Race {
		text += ", under the race detector"
	}
	if !r.Right && !r.Said {
		text += ", without its message"
	}
	return text
}

func writeLines(b *strings.Builder, text string) {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for _, line := range lines[:min(len(lines), mostLines)] {
		fmt.Fprintf(b, "    %s\n", line)
	}
	if len(lines) > mostLines {
		fmt.Fprintf(b, "    …\n")
	}
}
