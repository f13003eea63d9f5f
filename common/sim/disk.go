package sim

import "dss.example/common/machine"

// diskLog is a slot's record log: what was saved, and how much of it is synced.
type diskLog struct {
	first   uint64 // number of records[0]
	records [][]byte
	synced  int             // records that survive a crash for certain
	settled int             // of them, those that were synced before the last sync
	trim    uint64          // takes effect with the next sync
	damaged map[uint64]bool // records whose bytes are lost
}

func (d *diskLog) next() uint64 { return d.first + uint64(len(d.records)) }

func (d *diskLog) unsynced() int { return len(d.records) - d.synced }

func (d *diskLog) sync() {
	d.settled, d.synced = d.synced, len(d.records)
	if d.trim > d.first {
		n := int(min(d.trim, d.next()) - d.first)
		d.records, d.first = d.records[n:], d.first+uint64(n)
		d.settled, d.synced = max(d.settled-n, 0), d.synced-n
	}
}

// crash loses the unsynced records but the first keep of them and returns how
// many of them were kept and lost.
func (d *diskLog) crash(keep int) (kept, lost int) {
	kept = min(d.unsynced(), keep)
	lost = d.unsynced() - kept
	d.synced += kept
	d.records, d.trim = d.records[:d.synced], 0
	return kept, lost
}

// damage loses the bytes of a record, and tells whether it is there.
func (d *diskLog) damage(seq uint64) bool {
	if seq < d.first || seq >= d.next() {
		return false
	}
	if d.damaged == nil {
		d.damaged = map[uint64]bool{}
	}
	d.damaged[seq] = true
	return true
}

// synced lets go what waited for a slot's disk, unless that fails. Nobody knows then
// what is on it, so its node stops: a sync is never tried again.
func (w *World) synced(ev *event) {
	s := ev.to
	n := s.node
	if !n.up || n.life != ev.life || !s.syncing {
		return
	}
	if w.odds(w.rates.SyncError) && w.mayStop(n) {
		w.crash(n, ending{cause: FaultSyncError, keep: w.disks.IntN(s.log.unsynced() + 1)})
		return
	}
	w.did(Action{Kind: ActSync, Addr: s.addr})
	w.hash = w.hash.word(uint64(s.i)<<8 | 3)
	s.syncing = false
	s.log.sync()
	for i := range s.held {
		w.release(s, &s.held[i])
	}
	s.held = s.held[:0]
}

// syncTime draws how long a sync takes.
func (w *World) syncTime() machine.Time {
	t := w.pace.sync(w.rng)
	if w.odds(w.rates.SlowDisk) {
		w.stats.Faults[FaultSlowDisk]++
		t += w.pace.outage(w.disks)
	}
	return t
}

// fill lets the disk be too full for the last of what a step has saved. What waits for
// its sync never leaves.
func (w *World) fill(s *slot, saved int) {
	if w.odds(w.rates.Full) && w.mayStop(s.node) {
		before := max(s.log.unsynced()-saved, 0)
		w.crash(s.node, ending{cause: FaultFull, keep: before + w.disks.IntN(saved)})
	}
}

// readShort decides whether a node that restarts can read its log to the end.
func (w *World) readShort(ev *event) {
	if ev.stop >= 0 || !w.odds(w.rates.ShortRead) {
		return
	}
	records := 0
	for _, s := range ev.node.slots {
		records += len(s.log.records)
	}
	if records > 0 {
		ev.stop, ev.cause = w.disks.IntN(records), FaultShortRead
	}
}

// decay lets the disk of a node that is about to restart damage records.
func (w *World) decay(n *node) {
	for _, s := range n.slots {
		for _, kind := range [...]struct {
			fault Fault
			rate  float64
		}{{FaultFlip, w.rates.Flip}, {FaultMisplaced, w.rates.Misplace}} {
			if w.odds(kind.rate) && s.log.settled > 0 && w.mayHarm(n) {
				w.damage(s, kind.fault, w.victims(s, kind.fault))
			}
		}
	}
}

// victims picks the record that is damaged, and of a misplaced write also the one that
// it was written over, which is its neighbour as often as not. The records of the last
// sync are spared: a log cannot tell damage to them from a tail that was never synced.
func (w *World) victims(s *slot, cause Fault) []uint64 {
	settled := uint64(s.log.settled)
	i := w.disks.Uint64N(settled)
	if cause == FaultFlip || settled == 1 {
		return []uint64{s.log.first + i}
	}
	away := uint64(1)
	if w.disks.IntN(2) == 0 {
		away += w.disks.Uint64N(settled - 1)
	}
	return []uint64{s.log.first + i, s.log.first + (i+away)%settled}
}

// damage damages the records of a slot that are there.
func (w *World) damage(s *slot, cause Fault, seqs []uint64) {
	w.did(Action{Kind: ActDamage, Addr: s.addr, Cause: cause, Records: seqs})
	done := false
	for _, seq := range seqs {
		done = s.log.damage(seq) || done
	}
	if done {
		s.node.harmed = true
		w.stats.Faults[cause]++
		w.hash = w.hash.word(uint64(s.i)<<8 | 4)
	}
}

// mayWipe decides whether a restart finds an empty disk.
func (w *World) mayWipe(n *node) bool {
	return !n.wiped && w.chance(w.rates.Wipe) && w.mayHarm(n)
}

// mayHarm tells whether a node may lose what was durable.
func (w *World) mayHarm(n *node) bool {
	return w.bounded(n, func(o *node) bool { return o.harmed })
}

// mayStop tells whether a node may be down.
func (w *World) mayStop(n *node) bool {
	return n.mortal && w.bounded(n, func(o *node) bool { return !o.up })
}

// bounded tells whether few enough other nodes suffer for one more to do so.
func (w *World) bounded(n *node, suffers func(*node) bool) bool {
	if w.rates.Down == 0 {
		return true
	}
	others := 0
	for _, o := range w.nodes {
		if o != n && suffers(o) {
			others++
		}
	}
	return others < w.rates.Down
}

// odds is chance by the random numbers of disks: a world in which no disk fails is the
// same as if there were no such faults.
func (w *World) odds(p float64) bool { return p > 0 && w.disks.Float64() < p }
