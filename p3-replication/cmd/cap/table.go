//go:build unix

package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"dss.example/common/demo"
)

// tolerance is how many of a hundred operations may be of unknown outcome where all must be
// answered: the machine may be busy.
const tolerance = 5

// rows are what must be so, if each store keeps what it promises, and the partition is one.
func rows(bayou, paxos *verdict) []demo.Row {
	return []demo.Row{
		available(bayou, alone, "stage 3: the side of one"),
		available(bayou, most, "stage 3: the side of two"),
		untrue(bayou),
		silent(paxos),
		goesOn(paxos),
		truthful(paxos),
		{What: "stage 3: the sessions of all callers", Broken: "the same", Note: "all four guarantees", Err: bayou.sessions},
		{What: "stage 4: the sessions of all callers", Broken: "the same", Note: "all four guarantees", Err: paxos.sessions},
		{What: "stage 3: the copies, after it", Broken: "the same", Note: "equal", Err: bayou.converged},
		{What: "stage 4: the copies, after it", Broken: "the same", Note: "equal", Err: paxos.converged},
	}
}

// available checks that all of a side were answered.
func available(v *verdict, s side, what string) demo.Row {
	n := v.counts[during][s]
	row := demo.Row{What: what, Broken: "a partition", Note: fmt.Sprintf("available: %d of %d answered", n[answered], n.all())}
	switch {
	case n[answered] == 0:
		row.Err = errors.New("nothing was answered")
	case n[refused] > 0:
		row.Err = fmt.Errorf("%d of %d operations were refused", n[refused], n.all())
	case 100*n[unknown] > tolerance*n.all():
		row.Err = fmt.Errorf("%d of %d operations are of unknown outcome: want at most %d %%", n[unknown], n.all(), tolerance)
	}
	return row
}

// untrue checks that a store that answers on both sides shows the past: else nothing was parted.
func untrue(v *verdict) demo.Row {
	row := demo.Row{What: "stage 3: the truth", Broken: "the same", Note: fmt.Sprintf("%d of %d reads stale: not linearizable", v.stale, v.reads)}
	switch {
	case v.stale == 0:
		row.Err = errors.New("no read was stale: the partition has parted nobody")
	case v.across == nil:
		row.Err = errors.New("what was written at one side and read at the other looks linearizable")
	}
	return row
}

// silent checks that the side without a majority was told nothing.
func silent(v *verdict) demo.Row {
	n := v.counts[during][alone]
	row := demo.Row{What: "stage 4: the side of one", Broken: "a partition", Note: fmt.Sprintf("not available: 0 of %d answered", n.all())}
	switch {
	case n.all() == 0:
		row.Err = errors.New("nobody has asked")
	case n[answered] > 0:
		row.Err = fmt.Errorf("%d of %d operations were answered without a majority", n[answered], n.all())
	}
	return row
}

// goesOn checks that the side of the majority was answered, once it had another leader.
func goesOn(v *verdict) demo.Row {
	n := v.counts[during][most]
	row := demo.Row{What: "stage 4: the side of two", Broken: "a partition", Note: fmt.Sprintf("available: %d of %d answered, by another leader", n[answered], n.all())}
	if n[answered] < enough {
		row.Err = fmt.Errorf("%d operations were answered: want %d at least", n[answered], enough)
	}
	return row
}

// truthful checks that nobody was told anything old.
func truthful(v *verdict) demo.Row {
	row := demo.Row{What: "stage 4: the truth", Broken: "the same", Note: fmt.Sprintf("0 of %d reads stale: linearizable", v.reads)}
	row.Err = errors.Join(v.linear, v.across)
	if v.stale > 0 {
		row.Err = errors.Join(row.Err, fmt.Errorf("%d of %d reads are stale", v.stale, v.reads))
	}
	return row
}

// table prints both verdicts side by side.
func table(bayou, paxos *verdict) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	line := func(what string, of func(*verdict) string) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", what, of(bayou), of(paxos))
	}
	line("answered, refused, unknown", func(v *verdict) string { return fmt.Sprintf("stage %d", v.stage) })
	for p := range numPhases {
		for s := range numSides {
			line(fmt.Sprintf("  %v, the side of %s", p, [...]string{"one", "two"}[s]), func(v *verdict) string {
				n := v.counts[p][s]
				return fmt.Sprintf("%d, %d, %d", n[answered], n[refused], n[unknown])
			})
		}
	}
	line("stale reads", func(v *verdict) string { return fmt.Sprintf("%d of %d", v.stale, v.reads) })
	line("linearizable", func(v *verdict) string { return yes(v.stale == 0 && v.linear == nil && v.across == nil) })
	line("the four session guarantees", func(v *verdict) string { return yes(v.sessions == nil) })
	line("copies equal, writes ended", func(v *verdict) string {
		return fmt.Sprintf("%s, %v", yes(v.converged == nil), v.settled.Round(10*time.Millisecond))
	})
	_ = w.Flush() // into memory
	return b.String()
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// moral says what the figures show, if all rows hold.
func moral(bayou, paxos *verdict) string {
	cut := paxos.counts[during][alone]
	return fmt.Sprintf(`While the one that gives the order was cut off, stage 3 answered everybody on both sides, and %d
of its reads showed what had been overwritten before they began. Stage 4 showed nothing old to
anybody: so of the %d operations of the side of one it answered none (%d were refused, of %d nobody
knows), for as long as the partition lasted, while the side of two chose another leader and went on.
A store has to give up one of the two (Gilbert and Lynch 2002). What both keep: a session sees what
it did and saw before, and when the partition is over all copies become equal.`,
		bayou.stale, cut.all(), cut[refused], cut[unknown])
}
