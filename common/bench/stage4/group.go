package stage4

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// group is three replicas in this process, one of which leads. Many callers use it at a
// time.
type group interface {
	// Propose returns when the command is committed and applied at the leader.
	Propose(command []byte) error
	// Syncs tells how often all replicas together have synced files; 0 if nobody counts.
	Syncs() uint64
	Close() error
}

// opener opens a group in a directory of its own, and returns when it has a leader. What is
// not durable does not sync.
type opener func(dir string, durable bool) (group, error)

const (
	replicas     = 3
	commandBytes = 100
)

// Bounds on what a group may take.
const (
	leaderWithin  = 30 * time.Second // until it has a leader, on a busy machine
	commitWithin  = 10 * time.Second // until a command is committed
	attemptWithin = time.Second      // until it is proposed again: it may be lost with its leader
	pollEvery     = time.Millisecond // while a leader is waited for
)

// errNoLeader tells that a group has not found a leader in time.
var errNoLeader = errors.New("no leader was found in time")

// driveGroup measures proposals to a group of its own.
func driveGroup(open opener) func(string, harness.Turn) (*load.Report, error) {
	return func(place string, t harness.Turn) (_ *load.Report, err error) {
		dir := filepath.Join(place, "group")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		g, err := open(dir, t.Load == durable)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		return measure(g, t)
	}
}

// measure runs the callers. Syncs are those of the warm-up too, over its commands too.
func measure(g group, t harness.Turn) (_ *load.Report, err error) {
	if err := g.Propose(make([]byte, commandBytes)); err != nil {
		return nil, err
	}
	end, err := load.StartProfile(t.Profile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var proposed atomic.Uint64
	before := g.Syncs()
	r, err := load.Loop{Callers: t.Callers, Warmup: t.Warmup, For: t.For}.Run(func(int) func() error {
		command := make([]byte, commandBytes)
		return func() error {
			proposed.Add(1)
			return g.Propose(command)
		}
	})
	if err != nil {
		return nil, err
	}
	r.Syncs = float64(g.Syncs()-before) / float64(proposed.Load())
	return r, nil
}

// await asks again and again until something holds, for as long as a leader may take.
func await(holds func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for end := time.Now().Add(leaderWithin); !holds(); <-tick.C {
		if time.Now().After(end) {
			return errNoLeader
		}
	}
	return nil
}

// retry makes attempts to have a command committed, until one succeeds or there is no more
// time: then the error is the last one's.
func retry(attempt func() error) error {
	for end := time.Now().Add(commitWithin); ; <-time.After(pollEvery) {
		if err := attempt(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// closers are closed in reverse order.
type closers []func() error

func (c *closers) add(fn func() error) { *c = append(*c, fn) }

// Close closes all, whatever fails.
func (c closers) Close() error {
	var err error
	for i := len(c) - 1; i >= 0; i-- {
		err = errors.Join(err, c[i]())
	}
	return err
}
