package sim

import (
	"math"
	"math/rand/v2"

	"dss.example/common/machine"
)

// drawRates draws this seed's rates: each kind of fault is left out of half the
// runs, and in the others lies anywhere below its bound, small rates as likely as
// large ones.
func (w *World) drawRates() {
	f, r := w.cfg.Faults, w.rng
	w.rates = Faults{
		Drop: swarm(r, f.Drop), Duplicate: swarm(r, f.Duplicate), Delay: swarm(r, f.Delay),
		Cut: swarm(r, f.Cut), Crash: swarm(r, f.Crash), Wipe: f.Wipe, Recovery: f.Recovery,
		Pause: swarm(r, f.Pause), Jump: swarm(r, f.Jump), Drift: swarm(r, f.Drift), FalseUp: swarm(r, f.FalseUp), Down: f.Down,
	}
	w.drawDisks()
	w.strikes = w.rates.Cut + w.rates.Crash + w.rates.Pause + w.rates.Jump + w.rates.FalseUp
	for _, n := range w.nodes {
		if !n.safe && w.rates.Drift > 0 {
			n.drift = (2*r.Float64() - 1) * w.rates.Drift
			w.stats.Faults[FaultDrift]++
		}
	}
}

// drawDisks draws the rates at which disks fail.
func (w *World) drawDisks() {
	f, rates, r := w.cfg.Faults, &w.rates, w.disks
	rates.Full, rates.SyncError, rates.SlowDisk = swarm(r, f.Full), swarm(r, f.SyncError), swarm(r, f.SlowDisk)
	rates.ShortRead, rates.Flip, rates.Misplace = swarm(r, f.ShortRead), swarm(r, f.Flip), swarm(r, f.Misplace)
}

func swarm(r *rand.Rand, bound float64) float64 {
	if bound == 0 || r.IntN(2) == 0 {
		return 0
	}
	return bound * math.Pow(0.02, r.Float64())
}

func (w *World) scheduler() Scheduler {
	w.pace = drawPace(w.rng)
	if w.cfg.Scheduler != Either {
		return w.cfg.Scheduler
	}
	return Timed + Scheduler(w.rng.IntN(2))
}

// strike lets faults begin. One draw decides in most steps that none does.
func (w *World) strike() {
	x := w.rng.Float64()
	if x >= w.strikes {
		return
	}
	f := &w.rates
	for _, kind := range []struct {
		rate   float64
		strike func()
	}{
		{f.Cut, w.strikeCut},
		{f.Crash, w.strikeCrash},
		{f.Pause, w.strikePause},
		{f.Jump, w.strikeJump},
		{f.FalseUp, w.strikeLink},
	} {
		if x -= kind.rate; x < 0 {
			kind.strike()
			return
		}
	}
}

// victim picks a node that faults may strike and that runs, or nil.
func (w *World) victim() *node {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if n.safe || !n.up || n.paused {
		return nil
	}
	return n
}

func (w *World) strikeCut() {
	if len(w.cuts) > 2 || len(w.nodes) < 2 {
		return
	}
	c := cut{side: make([]bool, len(w.nodes)), oneWay: w.rng.IntN(3) == 0}
	inside := 0
	for i := range c.side {
		if c.side[i] = w.rng.IntN(2) == 0; c.side[i] {
			inside++
		}
	}
	if inside == 0 || inside == len(c.side) {
		return
	}
	kind := FaultPartition
	if c.oneWay {
		kind = FaultOneWay
	}
	w.stats.Faults[kind]++
	w.cuts = append(w.cuts, c)
	w.tracer.cut(w, "cut", &w.cuts[len(w.cuts)-1])
	w.later(&event{kind: evHeal, detail: &detail{cut: len(w.cuts) - 1}}, w.pace.outage(w.rng))
}

func (w *World) strikeCrash() {
	n := w.victim()
	if n == nil || !w.mayStop(n) {
		return
	}
	unsynced := 0
	for _, s := range n.slots {
		unsynced = max(unsynced, s.log.unsynced())
	}
	w.crash(n, ending{cause: FaultCrash, keep: w.rng.IntN(unsynced + 1)})
}

func (w *World) strikePause() {
	if n := w.victim(); n != nil {
		w.pause(n)
	}
}

func (w *World) strikeJump() {
	n := w.victim()
	if n == nil {
		return
	}
	n.skew += w.pace.outage(w.rng)
	w.stats.Faults[FaultJump]++
	w.tracer.node(w, "clock", n)
}

func (w *World) strikeLink() {
	n, peer := w.victim(), w.nodes[w.rng.IntN(len(w.nodes))]
	if n == nil || n == peer {
		return
	}
	w.stats.Faults[FaultFalseLink]++
	s := n.slots[w.rng.IntN(len(n.slots))]
	w.later(&event{kind: evLink, to: s, life: n.life, detail: &detail{peer: peer.id, up: w.rng.IntN(2) == 0}}, 0)
}

// calmDown ends all faults: what is down comes back, what is cut heals, clocks run
// true, and from now on the liveness mode counts.
func (w *World) calmDown() {
	w.calm = true
	w.deadline = w.now + w.cfg.Liveness
	w.rates, w.strikes = Faults{}, 0
	for i := range w.cuts {
		w.cuts[i].healed = true
	}
	w.cuts = nil
	for _, n := range w.nodes {
		w.resume(n)
		if !n.up {
			w.restart(&event{kind: evRestart, detail: &detail{node: n, stop: -1}})
		}
		if n.drift != 0 { // keep the reading monotonic
			n.skew, n.drift = n.last-w.now, 0
		}
	}
	w.pace.tail = max(machine.Millisecond, min(w.pace.tail, 10*machine.Millisecond))
}
