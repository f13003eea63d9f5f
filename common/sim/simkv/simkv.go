// Package simkv lets kvtest visit a store that lives in the simulator: its callers
// become coroutines, its sleeps virtual time.
package simkv

import (
	"context"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"
)

// World is a kvtest.World around a simulated store.
type World struct {
	driver *sim.Driver
	offers kv.Caps
	at     func(client int) machine.Addr
	settle machine.Time
}

// New makes the world of a seed. at tells which address client i asks; settle is
// how long replicas need to agree once faults have ended.
func New(cfg *sim.Config, seed uint64, offers kv.Caps, at func(client int) machine.Addr, settle machine.Time) *World {
	return &World{driver: sim.NewDriver(cfg, seed), offers: offers, at: at, settle: settle}
}

// Store returns the store as client i sees it.
func (w *World) Store(i int) kv.Store { return &store{w, w.at(i)} }

// Parallel runs n callers at the same virtual time.
func (w *World) Parallel(n int, fn func(i int)) { w.driver.Parallel(n, fn) }

// Now reads the virtual time.
func (w *World) Now() time.Duration { return time.Duration(w.driver.Now()) }

// Sleep lets virtual time pass.
func (w *World) Sleep(d time.Duration) { w.driver.Sleep(machine.Time(d)) }

// Settle ends all faults and gives the replicas time to agree.
func (w *World) Settle() {
	w.driver.Calm()
	w.driver.Sleep(w.settle)
}

// Err returns what went wrong in the world, such as a panic of a machine.
func (w *World) Err() error { return w.driver.Err() }

// Stats returns what occurred in the world so far.
func (w *World) Stats() sim.Stats { return w.driver.World().Stats() }

// Close ends the world.
func (w *World) Close() { w.driver.Close() }

type store struct {
	w  *World
	at machine.Addr
}

// Offers implements kv.Store.
func (s *store) Offers() kv.Caps { return s.w.offers }

// Do implements kv.Store. The context is not looked at: there is no real time here.
func (s *store) Do(_ context.Context, req *kv.Request) *kv.Response {
	copied := *req // the caller may change its request when Do has returned
	switch answer := s.w.driver.Ask(s.at, &copied).(type) {
	case *kv.Response:
		return answer.Clone()
	case nil:
		if kv.ReadOnly(req.Op) {
			return kv.Refuse(kv.Unavailable, "no answer")
		}
		return kv.Refuse(kv.Maybe, "no answer")
	default:
		return kv.Refuse(kv.Maybe, "answered with a %T", answer)
	}
}
