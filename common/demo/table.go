//go:build unix

package demo

import (
	"fmt"
	"io"
	"strings"
)

// Row is one thing that a demo tried.
type Row struct {
	What   string // was done
	Broken string // on purpose meanwhile; empty: nothing
	Err    error  // why it failed; nil if it held
	Note   string // the verdict in words, if it held; empty: "held"
	Rate   string // how fast it was; see Rate
}

func (r Row) verdict() string {
	switch {
	case r.Err != nil:
		return "FAILED"
	case r.Note != "":
		return r.Note
	default:
		return "held"
	}
}

func failures(rows []Row) (n int) {
	for _, r := range rows {
		if r.Err != nil {
			n++
		}
	}
	return n
}

// The width of the table's columns, in characters at most: longer cells are
// wrapped. With the space between they fit into 80.
var columnWidths = [...]int{25, 22, 14, 13}

const columnGap = "  "

// WriteTable prints the rows as aligned plain text of at most 80 columns, and below
// it the errors in full. Without rows it prints nothing.
func WriteTable(w io.Writer, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	cells := [][]string{{"what was done", "what was broken", "verdict", "rate"}}
	for _, r := range rows {
		broken := r.Broken
		if broken == "" {
			broken = "nothing"
		}
		cells = append(cells, []string{r.What, broken, r.verdict(), r.Rate})
	}
	var b strings.Builder
	b.WriteByte('\n')
	widths := measure(cells)
	for i, row := range cells {
		writeRow(&b, row, widths)
		if i == 0 {
			writeRule(&b, widths)
		}
	}
	for _, r := range rows {
		if r.Err != nil {
			fmt.Fprintf(&b, "\n%s:\n%s\n", r.What, indent(r.Err.Error()))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// measure returns how wide each column is after wrapping.
func measure(cells [][]string) (widths [len(columnWidths)]int) {
	for _, row := range cells {
		for c, text := range row {
			for _, line := range wrap(text, columnWidths[c]) {
				widths[c] = max(widths[c], len([]rune(line)))
			}
		}
	}
	return widths
}

func writeRow(b *strings.Builder, row []string, widths [len(columnWidths)]int) {
	var columns [len(columnWidths)][]string
	height := 0
	for c, text := range row {
		columns[c] = wrap(text, columnWidths[c])
		height = max(height, len(columns[c]))
	}
	for i := range height {
		var line strings.Builder
		for c, lines := range columns {
			text := ""
			if i < len(lines) {
				text = lines[i]
			}
			fmt.Fprintf(&line, "%-*s%s", widths[c], text, columnGap)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func writeRule(b *strings.Builder, widths [len(columnWidths)]int) {
	var parts []string
	for _, w := range widths {
		parts = append(parts, strings.Repeat("-", w))
	}
	b.WriteString(strings.Join(parts, columnGap) + "\n")
}

// wrap breaks text at spaces into lines of at most width characters, and words
// that are longer anywhere.
func wrap(text string, width int) (lines []string) {
	var line []rune
	for _, word := range strings.Fields(text) {
		next := []rune(word)
		if len(line) > 0 && len(line)+1+len(next) <= width {
			line = append(append(line, ' '), next...)
			continue
		}
		if len(line) > 0 {
			lines = append(lines, string(line))
		}
		for len(next) > width {
			lines, next = append(lines, string(next[:width])), next[width:]
		}
		line = next
	}
	return append(lines, string(line))
}
