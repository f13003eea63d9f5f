package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/vector"
)

// The figures of SOSP 1995 for a bibliography of 1550 entries, one write each: milliseconds of a
// SPARCstation 20, to undo all tentative writes and to do them again.
var bibliography = []struct{ writes, undo, redo int }{
	{50, 31, 237}, {100, 70, 611}, {500, 330, 2796}, {1550, 866, 7838},
}

// rounds are measured of each, and their median is told.
const rounds = 9

// clockTable times the same here: each write has a check, which looks for an entry of that name,
// and a merge procedure.
func clockTable() string {
	var b strings.Builder
	fmt.Fprintln(&b, "Undoing all tentative writes and doing them again, by the clock; beside Bayou (SOSP 1995, SPARCstation 20)")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "writes\tundo\tBayou\tredo\tBayou\tredo/undo\tBayou\t")
	for _, row := range bibliography {
		undo, redo := rewind(row.writes)
		fmt.Fprintf(w, "%d\t%v\t%d ms\t%v\t%d ms\t%.1f\t%.1f\t\n", row.writes, undo.Round(time.Microsecond), row.undo,
			redo.Round(time.Microsecond), row.redo, float64(redo)/float64(undo), float64(row.redo)/float64(row.undo))
	}
	_ = w.Flush() // into memory
	b.WriteString("  The shape is the paper's: both grow with the writes, and doing a write costs many times what undoing it does.\n")
	return b.String()
}

// rewind returns the median times to undo n writes and to do them again.
func rewind(n int) (undo, redo time.Duration) {
	s := state.New(programs.New())
	writes := entries(n)
	effects := do(s, writes)
	var undos, redos []time.Duration
	for range rounds {
		began := time.Now()
		for _, e := range slices.Backward(effects) {
			s.Undo(e)
		}
		undone := time.Now()
		effects = do(s, writes)
		undos, redos = append(undos, undone.Sub(began)), append(redos, time.Since(undone))
	}
	slices.Sort(undos)
	slices.Sort(redos)
	return undos[rounds/2], redos[rounds/2]
}

func do(s *state.State, writes []*proto.Write) (effects []state.Effect) {
	for _, w := range writes {
		effects = append(effects, s.Do(w))
	}
	return effects
}

// entries are writes that add entries to a bibliography.
func entries(n int) (writes []*proto.Write) {
	for i := range n {
		writes = append(writes, &proto.Write{
			ID: vector.Stamp{Time: uint64(i + 1), Server: vector.Root}, Kind: proto.Update,
			Update: []proto.Change{{Key: fmt.Sprintf("entry/%05d", i), Value: make([]byte, 240)}},
			Check:  `db.get(update[0].key) == None`,
			Merge:  "def merge(db, update):\n    db.put(update[0].key + \"'\", update[0].value)\n",
		})
	}
	return writes
}
