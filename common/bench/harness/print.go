package harness

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"dss.example/common/bench/chart"
	"dss.example/common/bench/stats"
)

// Print writes the record as text: a table for each load, then the bars, then what
// is absent, then the profiles of what is short.
func (s *Stage) Print(w io.Writer, r *Record) error {
	p := &printer{w: w}
	p.printf("Stage %d: %s\n", r.Stage, r.Title)
	p.printf("%s, %d cores, %s/%s, %s; workspace %s; %s\n", r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Arch,
		r.Versions["go"], r.Versions["workspace"], r.Date.Format("2006-01-02 15:04"))
	p.printf("%s of %v each, interleaved; medians. Only ratios within one run count.\n", plural(r.Rounds, "round"), r.For)
	if r.Scale > 0 && r.Scale < 1 {
		p.printf("At scale %g of what a load calls large: this shows that it works, and measures nothing.\n", r.Scale)
	}
	for _, l := range s.Loads {
		p.printf("\n%s: %s\n", l.Name, l.Title)
		p.table(s, r, l)
	}
	p.verdicts(r.Verdicts)
	for _, a := range r.Absent {
		p.printf("\nabsent: %s: %s\n", a.System, a.Why)
	}
	for _, f := range r.Profiles {
		p.printf("\nprofile: %s, %s, %s\n%s\n", f.Load, plural(f.Callers, "caller"), f.Side, strings.Join(f.Top, "\n"))
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format, args...); p.err == nil {
		p.err = err
	}
}

func (p *printer) table(s *Stage, r *Record, l Load) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	ours := s.Systems[0].Name
	space := r.measured(l, Space)
	syncs := slices.ContainsFunc(r.Samples, func(s Sample) bool { return s.Load == l.Name && s.Syncs > 0 })
	growth := r.measured(l, Growth)
	fmt.Fprintf(tw, "callers\tsystem\t%s/s\tp50 µs\tp99 µs\tclient CPU µs/op\tserver\t%s/it\tleast–most\t%s\n",
		l.Unit, ours, column(space, l.space())+column(syncs, "syncs/op")+column(growth, "growth"))
	for _, c := range r.Cells {
		if c.Load != l.Name {
			continue
		}
		for _, system := range c.Systems {
			median := func(figure func(*Sample) float64) float64 { return stats.Of(r.of(c, system, figure)).Median }
			fmt.Fprintf(tw, "%d\t%s\t%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\n", c.Callers, system,
				chart.Amount(median(Rate.figure())*l.items()), median(P50.figure()), median(func(s *Sample) float64 { return s.P99 }),
				cost(median(func(s *Sample) float64 { return s.ClientCPU })), cost(median(func(s *Sample) float64 { return s.ServerCPU })),
				compared(r, c, ours, system), column(space, times(median(Space.figure())))+column(syncs, count(median(func(s *Sample) float64 { return s.Syncs })))+
					column(growth, count(median(Growth.figure()))))
		}
		fmt.Fprintln(tw, strings.Repeat("\t", 9)+column(space, "")+column(syncs, "")+column(growth, "")) // a blank line that keeps the columns
	}
	_ = tw.Flush() // a Builder does not fail
	for line := range strings.Lines(strings.TrimRight(b.String(), " \n")) {
		p.printf("%s\n", strings.TrimRight(line, " \n"))
	}
	p.notes(r, l)
}

// notes prints what each system has noted in its last turn.
func (p *printer) notes(r *Record, l Load) {
	for _, s := range r.Samples {
		if s.Round == r.Rounds && s.Load == l.Name {
			for _, note := range s.Notes {
				p.printf("%s: %s\n", s.System, note)
			}
		}
	}
}

// column ends a row with one more column, if there is one.
func column(there bool, text string) string {
	if !there {
		return ""
	}
	return text + "\t"
}

// named names the best peer, where one was looked for.
func named(best string) string {
	if best == "" {
		return ""
	}
	return ", " + best
}

// times prints a factor, and a dash for one that is unknown.
func times(x float64) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", x)
}

// count prints how many, and a dash for none or unknown.
func count(n float64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", n)
}

// cost prints microseconds, and a dash for what is unknown.
func cost(us float64) string {
	if us == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", us)
}

// compared prints the two columns of a ratio.
func compared(r *Record, c Cell, ours, system string) string {
	got, ok := stats.Ratio(r.of(c, ours, Rate.figure()), r.of(c, system, Rate.figure()))
	if system == ours || !ok {
		return "\t"
	}
	return fmt.Sprintf("%.2f×\t%.2f–%.2f", got.Median, got.Min, got.Max)
}

func (p *printer) verdicts(verdicts []Verdict) {
	for i, v := range verdicts {
		kind := "aim "
		if v.Must {
			kind = "must"
		}
		if i == 0 || v.Must != verdicts[i-1].Must {
			p.printf("\n")
		}
		switch {
		case v.State == NotMeasured:
			p.printf("%s  %-50s %-5s  %s\n", kind, v.Text, v.State, v.Why)
		case v.Factor:
			p.printf("%s  %-50s %-5s  %.2f×  (%.2f–%.2f of a round)%s\n", kind, v.Text, v.State, v.Got.Median, v.Got.Min, v.Got.Max, named(v.Best))
		default:
			p.printf("%s  %-50s %-5s  %s  (%s–%s)\n", kind, v.Text, v.State, chart.Amount(v.Got.Median), chart.Amount(v.Got.Min), chart.Amount(v.Got.Max))
		}
	}
}
