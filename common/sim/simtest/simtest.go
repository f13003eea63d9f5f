// Package simtest tries a stage's worlds as every stage does: schedules of which none may
// fail, seeds that give the same run again, machines behind a pipe.
package simtest

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// Run runs the schedules of the seeds 1 to n, of which none may fail, and adds them to the tally.
func Run(t testing.TB, cfg *sim.Config, n int) *sim.Summary {
	t.Helper()
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
	return sum
}

// Hash is that of the run of a seed; 0 if it fails.
func Hash(cfg *sim.Config, seed uint64) uint64 {
	w := sim.NewWorld(cfg, seed)
	defer w.Close()
	if fail := w.Run(); fail != nil {
		return 0
	}
	return w.Hash()
}

// Named is a world and its name.
type Named struct {
	Name  string
	World *sim.Config
}

// Golden compares the hashes of a hundred seeds, each in the next of the worlds, with those of a file.
// If it is to write, it writes the file anew.
func Golden(t testing.TB, file string, write bool, worlds []Named) {
	t.Helper()
	var b strings.Builder
	for seed := range uint64(100) {
		w := worlds[seed%uint64(len(worlds))]
		fmt.Fprintf(&b, "%s %d %016x\n", w.Name, seed, Hash(w.World, seed))
	}
	if write {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

// Replays demands that each of n seeds gives the same run again, and no other seed's. The second
// time the runs go on many at a time.
func Replays(t testing.TB, cfg *sim.Config, n int) {
	t.Helper()
	first, again := make([]uint64, n), make([]uint64, n)
	for i := range first {
		first[i] = Hash(cfg, uint64(i))
	}
	var runners sync.WaitGroup
	for r := range 8 {
		runners.Go(func() {
			for i := r; i < n; i += 8 {
				again[i] = Hash(cfg, uint64(i))
			}
		})
	}
	runners.Wait()
	require.Empty(t, cmp.Diff(first, again))
	different := map[uint64]bool{}
	for _, h := range first {
		different[h] = true
	}
	require.Len(t, different, n, "and each seed has a run of its own")
	t.Logf("%d of %d seeds give the same run again", n, n)
	tally.Add(t, "schedules", 2*n)
}

// ThroughPipe demands that the schedules of the seeds 1 to n, run with the machines of roles at the far
// end of a pipe, give the hash that they give here.
func ThroughPipe(t testing.TB, cfg *sim.Config, roles map[string]*machine.Protocol, n int) {
	t.Helper()
	judge, student := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- sim.ServePipe(student, roles) }()
	far, err := sim.NewPipe(judge).Many(t.Context(), cfg, 1, n, 100)
	require.NoError(t, err)
	require.Nil(t, far.Failed)
	require.NoError(t, judge.Close())
	require.NoError(t, <-served)
	require.Equal(t, Run(t, cfg, n).Hash, far.Hash)
	tally.Add(t, "schedules", n)
}
