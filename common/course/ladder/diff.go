package ladder

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Diff returns what is to do to get from one rung to another, as a unified diff of the
// files that the student owns.
func (l *Ladder) Diff(from, to int) ([]byte, error) {
	before, err := l.Files(from)
	if err != nil {
		return nil, err
	}
	after, err := l.Files(to)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		old, new := before[name], after[name]
		if bytes.Equal(old, new) {
			continue
		}
		oldName, newName := "a/"+name, "b/"+name
		if old == nil {
			oldName = "/dev/null"
		}
		if new == nil {
			newName = "/dev/null"
		}
		out = fmt.Appendf(out, "--- %s\n+++ %s\n", oldName, newName)
		out = appendHunks(out, splitLines(old), splitLines(new))
	}
	return out, nil
}

// contextLines are those shown around a change.
const contextLines = 3

// splitLines keeps the line ends, so that a missing one is a difference.
func splitLines(text []byte) []string {
	var lines []string
	for line := range bytes.Lines(text) {
		lines = append(lines, string(line))
	}
	return lines
}

// change is a line of a diff: kept ' ', removed '-', or added '+'.
type change struct {
	sign byte
	line string
}

// compare finds the longest common subsequence of two files in a table of
// len(a)·len(b) numbers, less what they begin and end with alike. The files of a
// stage are short.
func compare(a, b []string) []change {
	var all []change
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		all = append(all, change{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	tail := 0
	for tail < min(len(a), len(b)) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	all = append(all, compareTable(a[:len(a)-tail], b[:len(b)-tail])...)
	for _, line := range a[len(a)-tail:] {
		all = append(all, change{' ', line})
	}
	return all
}

func compareTable(a, b []string) []change {
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:] at i*width+j
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			at := i*width + j
			if a[i] == b[j] {
				common[at] = common[at+width+1] + 1
			} else {
				common[at] = max(common[at+width], common[at+1])
			}
		}
	}
	var all []change
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, change{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			all = append(all, change{'-', a[i]})
			i++
		default:
			all = append(all, change{'+', b[j]})
			j++
		}
	}
	return all
}

// appendHunks writes the changes with the lines around them.
func appendHunks(out []byte, a, b []string) []byte {
	all := compare(a, b)
	oldLine, newLine := 1, 1 // of all[at]
	for at := 0; at < len(all); {
		first := at
		for first < len(all) && all[first].sign == ' ' {
			first++
		}
		if first == len(all) {
			return out
		}
		skip := max(first-contextLines, at) - at // lines that are the same in both
		oldLine, newLine, at = oldLine+skip, newLine+skip, at+skip
		end := hunkEnd(all, first)
		olds, news := count(all[at:end])
		out = fmt.Appendf(out, "@@ -%s +%s @@\n", lineRange(oldLine, olds), lineRange(newLine, news))
		for _, c := range all[at:end] {
			out = appendChange(out, c)
		}
		oldLine, newLine, at = oldLine+olds, newLine+news, end
	}
	return out
}

// hunkEnd returns where the hunk ends whose first change is at that place: changes so
// close that their contexts touch share one.
func hunkEnd(all []change, first int) int {
	last := first
	for i := first; i < len(all) && i <= last+2*contextLines+1; i++ {
		if all[i].sign != ' ' {
			last = i
		}
	}
	return min(last+1+contextLines, len(all))
}

func count(all []change) (olds, news int) {
	for _, c := range all {
		if c.sign != '+' {
			olds++
		}
		if c.sign != '-' {
			news++
		}
	}
	return olds, news
}

// lineRange writes START,COUNT. An empty range names the line before it.
func lineRange(start, lines int) string {
	if lines == 0 {
		start--
	}
	return fmt.Sprintf("%d,%d", start, lines)
}

func appendChange(out []byte, c change) []byte {
	out = append(append(out, c.sign), c.line...)
	if c.line[len(c.line)-1] != '\n' {
		out = append(out, "\n\\ No newline at end of file\n"...)
	}
	return out
}
