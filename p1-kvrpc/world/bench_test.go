package world

import (
	"testing"

	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
)

func BenchmarkSchedules(b *testing.B) {
	cfg := New(session.ExactlyOnce)
	steps := 0
	for seed := uint64(1); b.Loop(); seed++ {
		w := sim.NewWorld(cfg, seed)
		if fail := w.Run(); fail != nil {
			b.Fatal(seed, fail)
		}
		w.Close()
		steps += w.Stats().Steps
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
