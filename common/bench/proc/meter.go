package proc

import (
	"sync"
	"time"
)

// reading is what processes have used of the processor until a moment.
type reading struct {
	at   int64 // Unix nanoseconds
	used time.Duration
}

// meterEvery is how often the clocks are read: often beside a run of 100 ms, and a
// microsecond of work each time.
const meterEvery = 5 * time.Millisecond

// Meter reads the processor clocks of some processes again and again.
type Meter struct {
	end      chan struct{}
	ended    sync.WaitGroup
	readings Usage // once ended
}

// Usage is what a Meter has read; nothing where the clocks cannot be read.
type Usage []reading

// StartMeter starts a meter, which has to be stopped.
func StartMeter(processes []*Process) *Meter {
	m := &Meter{end: make(chan struct{})}
	m.ended.Go(func() {
		tick := time.NewTicker(meterEvery)
		defer tick.Stop()
		for {
			r := reading{at: time.Now().UnixNano()}
			for _, p := range processes {
				used, err := CPU(p.cmd.Process.Pid)
				if err != nil {
					m.readings = nil // unknown, rather than too little
					return
				}
				r.used += used
			}
			m.readings = append(m.readings, r)
			select {
			case <-tick.C:
			case <-m.end:
				return
			}
		}
	})
	return m
}

// Stop ends the meter and returns what it has read.
func (m *Meter) Stop() Usage {
	close(m.end)
	m.ended.Wait()
	return m.readings
}

// Between returns the processor time used between two moments, in Unix nanoseconds;
// 0 if unknown.
func (u Usage) Between(from, to int64) time.Duration {
	if len(u) == 0 || to < from {
		return 0
	}
	return u.until(to) - u.until(from)
}

// until interpolates between the readings around a moment.
func (u Usage) until(at int64) time.Duration {
	before := u[0]
	for _, r := range u {
		if r.at >= at {
			if r.at == before.at || at <= before.at {
				return before.used
			}
			share := float64(at-before.at) / float64(r.at-before.at)
			return before.used + time.Duration(share*float64(r.used-before.used))
		}
		before = r
	}
	return before.used
}
