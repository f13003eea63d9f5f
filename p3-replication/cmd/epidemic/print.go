package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
)

// print returns a table as text, and how many figures of it lie outside. The error is that ctx has
// ended, or what cycles have against the options.
func (t *table) print(ctx context.Context, o options) (text string, outside int, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "Table %d: %s; %d sites, mean of %d epidemics (the paper's figure)\n", t.number, t.title, o.sites, o.trials)
	if t.note != "" {
		fmt.Fprintf(&b, "  %s\n", t.note)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  \t%s\n", strings.Join(t.heads(), "\t"))
	for _, r := range t.rows {
		ours, err := t.measure(ctx, r, o)
		if err != nil {
			return "", 0, err
		}
		cells := make([]string, len(ours))
		for i, f := range ours {
			out := t.columns[i].outside(f, r.paper[i])
			if out {
				outside++
			}
			cells[i] = cell(f, r.paper[i], out)
		}
		fmt.Fprintf(w, "  %s\t%s\n", r.name, strings.Join(cells, "\t"))
	}
	err = w.Flush()
	return b.String(), outside, err
}

// heads name the columns and their tolerances.
func (t *table) heads() (all []string) {
	for _, c := range t.columns {
		head := c.name
		if c.within > 0 {
			head += fmt.Sprintf(" ±%.0f%%", 100*c.within)
		}
		all = append(all, head)
	}
	return all
}

func cell(ours, paper float64, outside bool) string {
	text := fmt.Sprintf("%.3g", ours)
	if paper >= 0 {
		text += fmt.Sprintf(" (%.3g)", paper)
	}
	if outside {
		text += " !"
	}
	return text
}
