package trace

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"dss.example/common/machine"
)

const stepHelp = `n or Enter   next step          p        step before
NUMBER       that step          /TEXT    next step that has TEXT in it
node N       only node N        node     all nodes
first, last  ends of the trace  q        quit
`

// Step lets a person walk through a trace, forward and back: it reads commands
// from in, a line each, and shows one record after each of them on out. It needs
// no terminal. It returns when in ends or says q, with the first error of out.
func Step(in io.Reader, out io.Writer, records []Record) error {
	_, byID := messages(records)
	w := walker{out: bufio.NewWriter(out), records: records, byID: byID, at: -1}
	w.move(1)
	commands := bufio.NewScanner(in)
	for {
		w.prompt()
		if err := w.out.Flush(); err != nil {
			return err
		}
		if !commands.Scan() {
			return commands.Err()
		}
		cmd := strings.TrimSpace(commands.Text())
		if cmd == "q" {
			return nil
		}
		w.obey(cmd)
	}
}

type walker struct {
	out     *bufio.Writer
	records []Record
	byID    map[uint64]*message
	node    machine.Node // only this one; 0 for all
	at      int          // the record shown; -1 before the first
}

func (w *walker) prompt() {
	if w.node != 0 {
		fmt.Fprintf(w.out, "node %d ", w.node)
	}
	fmt.Fprintf(w.out, "(n, p, NUMBER, /TEXT, node N, q, ?) > ")
}

func (w *walker) obey(cmd string) {
	word, arg, _ := strings.Cut(cmd, " ")
	switch {
	case cmd == "" || cmd == "n":
		w.move(1)
	case cmd == "p":
		w.move(-1)
	case cmd == "first":
		w.at = -1
		w.move(1)
	case cmd == "last":
		w.at = len(w.records)
		w.move(-1)
	case strings.HasPrefix(cmd, "/"):
		w.search(cmd[1:])
	case word == "node":
		w.filter(strings.TrimSpace(arg))
	case cmd == "?":
		fmt.Fprint(w.out, stepHelp)
	default:
		w.jump(cmd)
	}
}

// move shows the next record in a direction that the filter lets through.
func (w *walker) move(by int) {
	for i := w.at + by; i >= 0 && i < len(w.records); i += by {
		if w.records[i].concerns(w.node) {
			w.show(i)
			return
		}
	}
	if by > 0 {
		fmt.Fprintln(w.out, "the trace ends here")
	} else {
		fmt.Fprintln(w.out, "the trace begins here")
	}
	w.at = min(max(w.at, 0), len(w.records)-1)
}

func (w *walker) jump(cmd string) {
	n, err := strconv.Atoi(cmd)
	if err != nil {
		fmt.Fprintf(w.out, "no such command; ? shows them all\n")
		return
	}
	for i := range w.records {
		if w.records[i].N == n {
			w.show(i)
			return
		}
	}
	fmt.Fprintf(w.out, "no step %d\n", n)
}

func (w *walker) search(text string) {
	for i := w.at + 1; i < len(w.records); i++ {
		if w.records[i].concerns(w.node) && strings.Contains(w.text(i), text) {
			w.show(i)
			return
		}
	}
	fmt.Fprintf(w.out, "no later step has %q in it\n", text)
}

func (w *walker) filter(arg string) {
	if arg == "" {
		w.node = 0
		fmt.Fprintln(w.out, "all nodes")
		return
	}
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		fmt.Fprintf(w.out, "a node is a number\n")
		return
	}
	w.node = machine.Node(n)
	fmt.Fprintf(w.out, "only node %d\n", n)
}

func (w *walker) show(i int) {
	w.at = i
	fmt.Fprint(w.out, w.text(i))
}

// text is one record with all that came of it, and beside it what changed.
func (w *walker) text(i int) string {
	r := &w.records[i]
	var b strings.Builder
	fmt.Fprintf(&b, "-- step %d, %s, %s\n", r.N, clock(r.At), clean(Name(r.Addr)))
	left := []string{event(r, w.byID)}
	if m := w.byID[r.Msg]; m != nil && r.Msg != 0 {
		left = append(left, fmt.Sprintf("      sent in %d", w.records[m.sent].N))
	}
	left = append(left, outcome(r, w.byID, w.records, false)...)
	right := r.Change
	if len(right) > 0 {
		right = append([]string{"changed:"}, right...)
	}
	width := 40
	for _, l := range left {
		width = min(max(width, len([]rune(l))), 76)
	}
	for row := range max(len(left), len(right)) {
		writeRow(&b, at(left, row), clean(at(right, row)), width)
	}
	return b.String()
}

func writeRow(b *strings.Builder, left, right string, width int) {
	if right == "" {
		fmt.Fprintf(b, "   %s\n", left)
		return
	}
	fmt.Fprintf(b, "   %-*s | %s\n", width, left, right)
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
