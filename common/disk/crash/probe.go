package crash

import (
	"fmt"
	"math"
	"sync"

	"dss.example/common/disk"
)

// probe is a disk that is looked at between calls, and that stops when it is told to.
type probe struct {
	mu      sync.Mutex
	memory  *disk.Memory
	limit   int                         // calls after which the machine stops
	between func(calls, acked int) bool // after so many calls, while they wait; false stops the machine
	calls   []disk.Op
	acked   int
	stopped bool
}

func newProbe(m *disk.Memory, between func(calls, acked int) bool) *probe {
	return &probe{memory: m, limit: math.MaxInt, between: between}
}

// Do implements disk.Disk.
func (p *probe) Do(c disk.Call) disk.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look()
	if len(p.calls) >= p.limit {
		p.stopped = true
	}
	if p.stopped {
		return disk.Result{Code: disk.Dead}
	}
	p.calls = append(p.calls, c.Op)
	return p.memory.Do(c)
}

func (p *probe) look() {
	if p.between != nil && !p.stopped {
		p.stopped = !p.between(len(p.calls), p.acked)
	}
}

// ack takes what the run has acknowledged, while the machine is up.
func (p *probe) ack(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.acked = max(p.acked, n)
	}
}

// run runs a scenario on the probe, and looks a last time.
func (p *probe) run(s Scenario) error {
	return p.through(func() error { return s.Run(p, p.ack) })
}

// check runs a scenario's check on the probe, and looks a last time.
func (p *probe) check(s Scenario, acked int) error {
	return p.through(func() error { return s.Check(p, acked) })
}

func (p *probe) through(fn func() error) error {
	err := contain(fn)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look()
	return err
}

// contain makes a panic an error.
func contain(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return fn()
}
