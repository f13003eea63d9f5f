package harness_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

func TestASystemWhosePartsCannotBeFetchedIsNamedAndHasNotFailed(t *testing.T) {
	dir := t.TempDir()
	far, near := system(dir, "far", "1", "1"), system(dir, "near", "1", "1")
	far.Fetch = func(context.Context) error { return errors.New("its parts: no network") }
	fetched := 0
	near.Fetch = func(context.Context) error {
		fetched++
		return nil
	}
	c := config(t, stage(system(dir, "ours", "1", "1"), far, near))
	c.Rounds = 2
	r := run(t, c)
	require.Equal(t, []harness.Absent{{System: "far", Why: "its parts: no network"}}, r.Absent)
	require.False(t, r.Failed())
	require.Equal(t, []string{"ours", "near"}, r.Cells[0].Systems)
	require.Equal(t, 1, fetched, "once, before all turns")
}

// Moved is space of another kind, growth has a column of its own, and notes stand under the
// table.
func TestBytesThatMoveAndGrowthAreJudgedAndPrinted(t *testing.T) {
	s := stage(system("", "ours", "", ""), system("", "peer", "", ""))
	s.Loads[0].Moved = true
	one := []int{1}
	s.Bars = []harness.Bar{
		{Must: true, Load: "mixed", Callers: one, Of: harness.Space, Want: 1.2},
		{Must: true, Load: "mixed", Callers: one, Of: harness.Growth, Want: 1.2},
		{Must: true, Load: "mixed", Callers: one, Of: harness.Growth, Want: 1.4},
	}
	r := &harness.Record{Rounds: 2, Cells: []harness.Cell{{Load: "mixed", Callers: 1, Systems: []string{"ours", "peer"}}}}
	for round := 1; round <= 2; round++ {
		r.Samples = append(r.Samples, harness.Sample{Round: round, Load: "mixed", Callers: 1, System: "ours", Report: load.Report{
			Ops: 1, Rate: 1, Space: 1.13, Growth: 1.3, Notes: []string{"a note of round " + string(rune('0'+round))},
		}}, harness.Sample{Round: round, Load: "mixed", Callers: 1, System: "peer", Report: load.Report{Ops: 1, Rate: 1}})
	}
	r.Verdicts = s.Judge(r)
	var text bytes.Buffer
	require.NoError(t, s.Print(&text, r))
	for _, want := range []string{
		"moved ≤ 1.2× what was missing", "met    1.13×", "growth ≤ size^1.2", "SHORT  1.30", "growth ≤ size^1.4", "met    1.30",
		"least–most  moved  growth\n", "  1.13×    1.30\n", "  –       –\n", "\nours: a note of round 2\n",
	} {
		require.Contains(t, text.String(), want)
	}
	require.NotContains(t, text.String(), "round 1", "of several turns the last one tells")
}
