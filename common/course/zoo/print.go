package zoo

import (
	"fmt"
	"io"
	"strings"
)

// mostLines bounds what is shown of a message in the table.
const mostLines = 8

// Print writes a table of variants and a summary.
func Print(w io.Writer, rows []Row) error {
	var b strings.Builder
	for i := range rows {
		writeRow(&b, &rows[i])
	}
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
	fmt.Fprintf(&b, "%d of %d mutants killed, %d of them with the message that they must be told; %d of %d right variants pass\n",
		killed, mutants, said, passed, right)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRow(b *strings.Builder, r *Row) {
	fmt.Fprintf(b, "%-34s %-9s %6.1f s  %s\n", r.ID, r.Outcome(), r.Took.Seconds(), r.by())
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
	if r.Check != "" && !r.Right && !r.Said {
		fmt.Fprintf(b, "    (nothing says what its header promises)\n")
	}
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
	text := r.Step + " " + r.Check
	if r.Schedules > 0 {
		text += fmt.Sprintf(", after %d schedules", r.Schedules)
	}
	if r.Race {
		text += ", under the race detector"
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
