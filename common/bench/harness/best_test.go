package harness_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
)

func TestOfSeveralPeersTheBestCounts(t *testing.T) {
	s, r := threeRounds() // medians: ours 96k and 400 µs at p99, fast 100k and 300 µs, slow 48k and 800 µs
	all := []string{"gone", "slow", "fast"}
	s.Bars = []harness.Bar{
		{Must: true, Load: "mixed", Callers: []int{4}, Among: all, Want: 0.95},
		{Must: true, Load: "mixed", Callers: []int{4}, Among: all, Of: harness.P99, Want: 1},
		{Must: true, Load: "mixed", Callers: []int{4}, Among: []string{"slow", "gone"}, Want: 2},
		{Must: true, Load: "mixed", Callers: []int{64}, Among: []string{"gone", "fast"}, Want: 1},
	}
	var got []string
	for _, v := range s.Judge(r) {
		got = append(got, v.Text+": "+string(v.State)+" "+v.Best+v.Why)
	}
	require.Empty(t, cmp.Diff([]string{
		"mixed, 4 callers: ops/s ≥ 0.95× the best peer: met fast",
		"mixed, 4 callers: p99 ≤ 1× the best peer: SHORT fast",
		"mixed, 4 callers: ops/s ≥ 2× the best peer: SHORT slow",
		"mixed, 64 callers: ops/s ≥ 1× the best peer: not measured gone: not installed: apt-get install gone",
	}, got))
}

func TestSyncsAreAColumnWhereTheyAreCounted(t *testing.T) {
	s, r := threeRounds()
	for i := range r.Samples {
		if r.Samples[i].Load == "mixed" && r.Samples[i].System == "fast" {
			r.Samples[i].Syncs = 0.25
		}
	}
	var b bytes.Buffer
	require.NoError(t, s.Print(&b, r))
	mixed, many, found := strings.Cut(b.String(), "\nmany: ")
	require.True(t, found)
	require.Contains(t, mixed, "syncs/op")
	require.NotContains(t, many, "syncs/op", "nobody counted")
	for line := range strings.Lines(mixed) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "4" {
			want := map[string]string{"ours": "–", "fast": "0.25", "slow": "–"}[fields[1]]
			require.Equal(t, want, fields[len(fields)-1], line)
		}
	}
}
