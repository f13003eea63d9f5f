package harness_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// threeRounds is a record as a run would leave it: ours beside two peers, one of
// which failed after a round.
func threeRounds() (harness.Stage, *harness.Record) {
	s := stage(system("", "ours", "", ""), system("", "fast", "", ""), system("", "slow", "", ""), system("", "gone", "", ""))
	s.Loads = append(s.Loads, harness.Load{Name: "many", Title: "ten at once", Unit: "keys", Items: 10})
	at := []int{4}
	s.Bars = []harness.Bar{
		{Load: "mixed", Callers: at, Peer: "fast", Want: 1.2},
		{Must: true, Load: "mixed", Callers: at, Peer: "slow", Want: 2},
		{Must: true, Load: "mixed", Callers: at, Peer: "fast", Want: 0.95},
		{Must: true, Load: "mixed", Callers: at, Peer: "slow", Of: harness.P50, Want: 0.5},
		{Must: true, Load: "mixed", Callers: at, Peer: "slow", Of: harness.P50, Want: 0.4},
		{Must: true, Load: "mixed", Callers: []int{1}, Peer: "gone", Want: 1},
		{Load: "many", Callers: at, Want: 1e6},
		{Load: "many", Callers: []int{64}, Want: 1e6},
	}
	r := &harness.Record{
		Stage: 9, Title: "fakes & more", Date: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		Machine:  harness.Machine{CPU: "abacus", Cores: 2, OS: "linux", Arch: "amd64"},
		Versions: map[string]string{"go": "go1.26", "workspace": "abc"}, Rounds: 3, For: time.Second,
		Cells: []harness.Cell{
			{Load: "mixed", Callers: 4, Systems: []string{"ours", "fast", "slow"}},
			{Load: "many", Callers: 4, Systems: []string{"ours"}},
		},
		Absent:   []harness.Absent{{System: "gone", Why: "gone: not installed: apt-get install gone"}},
		Profiles: []harness.Profile{{Load: "mixed", Callers: 4, Side: "client", Top: []string{"flat", "1ms main.main"}}},
	}
	add := func(round int, l, system string, rate, p50, cpu float64) {
		r.Samples = append(r.Samples, harness.Sample{
			Round: round, Load: l, Callers: 4, System: system, ServerCPU: cpu,
			Report: load.Report{Ops: 10, Rate: rate, P50: p50, P99: 10 * p50, ClientCPU: cpu / 2},
		})
	}
	for i, ours := range []float64{900, 100_000, 96_000} { // the first round met a busy machine
		add(i+1, "mixed", "ours", ours, 40, 8)
		add(i+1, "mixed", "fast", []float64{1000, 100_000, 120_000}[i], 30, 6)
		add(i+1, "many", "ours", 99_999, 400, 0)
	}
	add(1, "mixed", "slow", 40_000, 70, 20)
	add(2, "mixed", "slow", 56_000, 90, 20)
	r.Verdicts = s.Judge(r)
	return s, r
}

func TestBarsAreHeldAgainstTheRatioOfMedians(t *testing.T) {
	_, r := threeRounds()
	var got []string
	for _, v := range r.Verdicts {
		got = append(got, fmt.Sprintf("%v %s: %s %.4g [%.4g %.4g] %s", v.Must, v.Text, v.State, v.Got.Median, v.Got.Min, v.Got.Max, v.Why))
	}
	require.Empty(t, cmp.Diff([]string{
		"true mixed, 4 callers: ops/s ≥ 2× slow: SHORT 1.051 [0.0225 1.786] ", // of the two rounds that slow was in
		"true mixed, 4 callers: ops/s ≥ 0.95× fast: met 0.96 [0.8 1] ",
		"true mixed, 4 callers: p50 ≤ 0.5× slow: met 0.5 [0.4444 0.5714] ",
		"true mixed, 4 callers: p50 ≤ 0.4× slow: SHORT 0.5 [0.4444 0.5714] ",
		"true mixed, 1 caller: ops/s ≥ 1× gone: not measured 0 [0 0] gone: not installed: apt-get install gone",
		"false mixed, 4 callers: ops/s ≥ 1.2× fast: SHORT 0.96 [0.8 1] ",
		"false many, 4 callers: keys/s ≥ 1.00M: SHORT 1e+06 [1e+06 1e+06] ",
		"false many, 64 callers: keys/s ≥ 1.00M: not measured 0 [0 0] not asked for",
	}, got))
}

func TestPrintedRecord(t *testing.T) {
	s, r := threeRounds()
	var b bytes.Buffer
	require.NoError(t, s.Print(&b, r))
	const golden = "testdata/print.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

func TestJSONHoldsEveryRoundsRawFigures(t *testing.T) {
	_, r := threeRounds()
	var b bytes.Buffer
	require.NoError(t, r.WriteJSON(&b))
	require.Contains(t, b.String(), `"ops_per_second": 120000`, "drivers and records use the same names")
	var back harness.Record
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Empty(t, cmp.Diff(r, &back))
}

// element is a piece of a picture.
type element struct {
	name  string
	attrs map[string]string
}

func elements(t *testing.T, svg []byte) (list []element) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err, "it is well-formed")
		if start, ok := token.(xml.StartElement); ok {
			e := element{start.Name.Local, map[string]string{}}
			for _, a := range start.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			list = append(list, e)
		}
	}
}

func TestThePictureStandsAloneAndShowsEveryBar(t *testing.T) {
	s, r := threeRounds()
	var b bytes.Buffer
	require.NoError(t, s.WriteSVG(&b, r))
	svg := b.String()
	require.Contains(t, svg, "<title>Stage 9: fakes &amp; more</title>")
	require.Contains(t, svg, "half &lt;this&gt;, half that")
	require.Contains(t, svg, "<title>fast, 4 callers: 100.0k ops/s (1.0k–120.0k)</title>")
	require.Contains(t, svg, "<title>ours, 4 callers: 1.00M keys/s (1.00M–1.00M)</title>")
	require.Contains(t, svg, "prefers-color-scheme:dark")
	for _, outside := range []string{"href", "url(", "@import", "<script"} {
		require.NotContains(t, svg, outside)
	}
	count := map[string]int{}
	for _, e := range elements(t, b.Bytes()) {
		count[e.name+" "+e.attrs["class"]]++
	}
	require.Equal(t, 1, count["rect bg"])
	require.Equal(t, 3, count["rect s0"], "ours: in the legend and in both panels")
	require.Equal(t, 2, count["rect s1"], "fast")
	require.Equal(t, 2, count["rect s2"], "slow")
	require.Zero(t, count["rect s3"], "what was not measured has no bar and is not in the legend")
	require.Equal(t, 4, count["path w"], "a whisker for each bar")
}

func TestBarsAreAsHighAsTheirMedians(t *testing.T) {
	s, r := threeRounds()
	var b bytes.Buffer
	require.NoError(t, s.WriteSVG(&b, r))
	heights := map[string]float64{}
	for _, e := range elements(t, b.Bytes()) {
		var h float64
		if _, err := fmt.Sscan(e.attrs["height"], &h); err == nil && h > 12 && heights[e.attrs["class"]] == 0 {
			heights[e.attrs["class"]] = h // the first of its colour: in the panel "mixed"
		}
	}
	require.InDelta(t, 96.0/100, heights["s0"]/heights["s1"], 0.01)
	require.InDelta(t, 48.0/100, heights["s2"]/heights["s1"], 0.01)
}

func TestAPictureOfNothingIsWellFormed(t *testing.T) {
	s, r := threeRounds()
	r.Samples, r.Cells = nil, nil
	var b bytes.Buffer
	require.NoError(t, s.WriteSVG(&b, r))
	require.False(t, slices.ContainsFunc(elements(t, b.Bytes()), func(e element) bool { return e.name == "path" }))
	require.NotContains(t, b.String(), "NaN")
	require.False(t, strings.Contains(b.String(), "Inf"))
}

// full takes so many bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("no space")
	}
	return len(b), nil
}

func TestAFullDiskIsNotOverlooked(t *testing.T) {
	s, r := threeRounds()
	require.EqualError(t, s.Print(&full{left: 500}, r), "no space")
	require.EqualError(t, s.WriteSVG(&full{left: 500}, r), "no space")
	require.EqualError(t, r.WriteJSON(&full{left: 500}), "no space")
}
