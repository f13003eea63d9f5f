package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"dss.example/common/machine"
)

// table is what is printed, but for the hash.
func (e *experiment) table(rows []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d servers, %d items before the death of server %d (%s) and %d from then on; times in ms\n",
		e.options.servers, e.options.items, e.victim, e.layout.Zone(e.victim), e.options.items)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tmean\tlast\tcopies an item\tto other zones\tmessages/s\tafter: mean\tlast\tlost\thurt\tuntil")
	for _, r := range rows {
		fmt.Fprintf(w, "  %s\t%d\t%d\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t%s\n", r.name,
			millis(r.before.mean), millis(r.before.last), r.before.copies, r.before.far, r.upkeep,
			millis(r.after.mean), millis(r.after.last), r.after.lost, r.after.hurt, until(r.after))
	}
	_ = w.Flush() // into memory
	b.WriteString("  mean, last: from publishing to a server, and to the last server of the slowest item\n")
	b.WriteString("  messages/s: what each server sends without news, probes included\n")
	return b.String()
}

func millis(t machine.Time) int64 { return int64((t + machine.Millisecond/2) / machine.Millisecond) }

// until tells when the last item was hurt.
func until(p phase) string {
	if p.hurt == 0 {
		return "-"
	}
	return fmt.Sprintf("+%d ms", millis(p.until))
}
