package harness_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

func TestALoadWithoutAServerIsProfiledOnTheDriversSideAndChargesNobodyElse(t *testing.T) {
	dir := t.TempDir()
	ours := system(dir, "ours", "1", "1")
	ours.Profile = func(harness.Place) string { return "http://nobody.invalid/" }
	s := stage(ours)
	s.Loads[0].Embedded = true
	s.Bars = []harness.Bar{{Must: true, Load: "mixed", Callers: []int{1}, Want: 2}}
	r := run(t, config(t, s))
	require.Len(t, r.Profiles, 1)
	require.Equal(t, "client", r.Profiles[0].Side)
	require.Zero(t, r.Samples[0].ServerCPU, "it has a server for other loads")
}

func TestALoadSaysHowLongItsTurnsMayTake(t *testing.T) {
	dir := t.TempDir()
	slow := system(dir, "slow", "1", "1")
	slow.Loads = []string{"slow"} // alone: that ours is fast is nobody's promise
	slow.Drive = func(harness.Place, harness.Turn) harness.Command { return command("hang", filepath.Join(dir, "hung")) }
	s := stage(system(dir, "ours", "1", "1"), slow)
	s.Loads = append(s.Loads, harness.Load{Name: "slow", Unit: "ops", Within: time.Millisecond})
	began := time.Now()
	r := run(t, config(t, s))
	require.Less(t, time.Since(began), time.Minute, "which a load may take that says nothing")
	require.Equal(t, []harness.Absent{{System: "slow", Why: "slow, 1 caller, round 1: the driver hangs", Failed: true}}, r.Absent)
}

func TestTheScaleReachesDriversAndReaders(t *testing.T) {
	dir := t.TempDir()
	var scales []float64
	ours := system(dir, "ours", "1", "1")
	drive := ours.Drive
	ours.Drive = func(p harness.Place, t harness.Turn) harness.Command {
		scales = append(scales, t.Scale)
		return drive(p, t)
	}
	s := stage(ours)
	for _, scale := range []float64{0, 0.25} {
		c := config(t, s)
		c.Scale = scale
		r := run(t, c)
		var text bytes.Buffer
		require.NoError(t, s.Print(&text, r))
		require.Equal(t, scale == 0.25, bytes.Contains(text.Bytes(), []byte("\nAt scale 0.25 of")))
	}
	require.Equal(t, []float64{1, 0.25}, scales)
}

func TestACommandIsBuiltUnderItsOwnNameOrTheOneInFrontOfIt(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.work":  "go 1.26.0\n\nuse .\n",
		"go.mod":   "module example.org/m\n\ngo 1.26.0\n",
		"a/x/x.go": "package main\n\nfunc main() {}\n",
		"b/x/x.go": "package main\n\nfunc main() {}\n",
	} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	var built []string
	ours := system(t.TempDir(), "ours", "1", "1")
	drive := ours.Drive
	ours.Drive = func(p harness.Place, turn harness.Turn) harness.Command {
		for _, name := range []string{"x", "other", "y"} {
			if _, err := os.Stat(filepath.Join(p.Bin, name)); err == nil {
				built = append(built, name)
			}
		}
		return drive(p, turn)
	}
	s := stage(ours)
	s.Build = []string{"./a/x", "other=./b/x"}
	c := config(t, s)
	c.Root = root
	run(t, c)
	require.Equal(t, []string{"x", "other"}, built)
}

// Less space is better: a bar of it is met by what is at most so much.
func TestSpaceIsJudgedAndPrinted(t *testing.T) {
	s := stage(system("", "ours", "", ""), system("", "peer", "", ""))
	one := []int{1}
	s.Bars = []harness.Bar{
		{Must: true, Load: "mixed", Callers: one, Of: harness.Space, Want: 1.05},
		{Must: true, Load: "mixed", Callers: one, Of: harness.Space, Want: 1.01},
		{Must: true, Load: "mixed", Callers: one, Of: harness.Space, Peer: "peer", Want: 0.6},
	}
	r := &harness.Record{Rounds: 1, Cells: []harness.Cell{{Load: "mixed", Callers: 1, Systems: []string{"ours", "peer"}}}}
	for system, space := range map[string]float64{"ours": 1.02, "peer": 2.04} {
		r.Samples = append(r.Samples, harness.Sample{
			Round: 1, Load: "mixed", Callers: 1, System: system, Report: load.Report{Ops: 1, Rate: 1, Space: space},
		})
	}
	r.Verdicts = s.Judge(r)
	var text bytes.Buffer
	require.NoError(t, s.Print(&text, r))
	for _, want := range []string{
		"space ≤ 1.05× what is kept", "met    1.02×", "space ≤ 1.01× what is kept", "SHORT  1.02×",
		"space ≤ 0.6× peer", "met    0.50×", "least–most  space\n", "  2.04×\n",
	} {
		require.Contains(t, text.String(), want)
	}
}
