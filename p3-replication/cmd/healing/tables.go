package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"dss.example/common/machine"
)

// lengthTable prints what the end of partitions has cost, by their lengths.
func lengthTable(all []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "What the end of a partition costs %d servers, %d of them on the side of the primary; writes of %d bytes\n",
		servers, west, valueBytes)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "writes/s\tpartition\twrites\ttentative\trolled back\teach\tdone\tsessions\tmessages\tkB\tbytes a write\tequal after\t")
	for _, r := range all {
		fmt.Fprintf(w, "%d\t%v\t%d\t%d\t%d\t%.2f\t%d\t%d\t%d\t%.1f\t%.0f\t%d ms\t\n", r.rate, r.length, r.near+r.far, r.far,
			r.back, r.each(), r.again, r.sessions, r.messages, float64(r.bytes)/1000, r.perWrite(), millis(r.took))
	}
	_ = w.Flush() // into memory
	return b.String()
}

// each is how often a tentative write of the side without the primary was rolled back, at each
// server there.
func (r *result) each() float64 { return float64(r.back) / float64(r.far*(servers-west)) }

// perWrite is how many bytes were sent for each write that a server lacked, besides its key and value.
func (r *result) perWrite() float64 { return float64(r.bytes-r.payload) / float64(r.brought) }

// millis rounds up: looks are a millisecond apart.
func millis(t machine.Time) int64 { return int64((t + machine.Millisecond - 1) / machine.Millisecond) }

// interleavedTable prints the counts of writes that two servers have made by turns.
func interleavedTable(all []result) string {
	var b strings.Builder
	fmt.Fprintln(&b, "m writes of two servers, made by turns before they meet")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "m\trolled back\tdone\tdone/m\tdone/(m log2 m)\tgrows as m^\tequal after\t")
	for i, r := range all {
		m, grows := float64(r.near+r.far), "–"
		if i > 0 {
			last := all[i-1]
			grows = fmt.Sprintf("%.2f", math.Log2(float64(r.again)/float64(last.again))/math.Log2(m/float64(last.near+last.far)))
		}
		fmt.Fprintf(w, "%.0f\t%d\t%d\t%.2f\t%.3f\t%s\t%d ms\t\n", m, r.back, r.again, float64(r.again)/m, float64(r.again)/(m*math.Log2(m)), grows, millis(r.took))
	}
	_ = w.Flush() // into memory
	b.WriteString("  All writes of the server that is not the primary are rolled back once; again, if it has to settle amid a session.\n")
	return b.String()
}

// papers prints the figures of the papers beside ours, and what of them can be compared.
func papers(all []result) string {
	fewest, most := ends(all)
	var b strings.Builder
	fmt.Fprintln(&b, "Beside Bayou (the e-mail database of SOSP 1997, three servers, a 50 MHz machine to another)")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { fmt.Fprintln(w, "  "+strings.Join(cells, "\t")) }
	line("", "Bayou, Ethernet", "Bayou, modem", "ours, simulated")
	line("until equal, the fewest writes", "2.26 s (1)", "7.16 s (1)", fewest)
	line("each 100 further ones; the most", "just under 5 s", "about 150 s", most)
	line("bytes a write, beside its own", "1836", "1836", fmt.Sprintf("%.0f", all[len(all)-1].perWrite()))
	_ = w.Flush() // into memory
	b.WriteString(`  What can be compared: in the paper a session's time grows with its new writes, behind a fixed part, for
  its links and disks are what is slow. Here messages take the same time however large they are, so that
  what grows with the writes is bytes and work, and the time is that of a few sessions: the seconds cannot
  be compared. Of the paper's bytes 520 are a write's key and 1316 the schema and padding; its writes have
  checks and merge procedures, ours here have none. What undoing and doing again takes (SOSP 1995: 0.6 and
  5 ms a write) is told by -clock.
`)
	return b.String()
}

// ends are how long it took with the fewest writes, and with the most.
func ends(all []result) (fewest, most string) {
	by := func(a, b result) int { return cmp.Compare(a.near+a.far, b.near+b.far) }
	tell := func(r result) string { return fmt.Sprintf("%d ms (%d)", millis(r.took), r.near+r.far) }
	return tell(slices.MinFunc(all, by)), tell(slices.MaxFunc(all, by))
}
