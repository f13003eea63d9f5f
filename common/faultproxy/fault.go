package faultproxy

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// Fault is a kind of harm. The package comment says what each does.
type Fault int

// The kinds, in the order in which tables show them.
const (
	Delay Fault = iota
	Drop
	Duplicate
	Reorder
	Cut
	HalfOpen
	Refuse
	Slow
	Partition

	NumFaults // how many kinds there are

	none = NumFaults // no harm
)

var faultNames = [NumFaults]string{
	"delay", "drop", "duplicate", "reorder", "cut", "half-open", "refuse", "slow", "partition",
}

// String returns the kind's name in lower case, such as "half-open".
func (f Fault) String() string {
	if f < 0 || f >= NumFaults {
		return "none"
	}
	return faultNames[f]
}

// Stats counts what a Proxy has seen and done since it was made.
type Stats struct {
	Connections int64            // served ones
	Overflow    int64            // connections closed because there were too many
	Frames      int64            // that came in, both directions; pieces of a stream that is not of frames too
	Bytes       int64            // that came in
	Faults      [NumFaults]int64 // by Fault: those that really struck
}

// Plus returns the sum of both, for a table over several proxies.
func (s Stats) Plus(o Stats) Stats {
	s.Connections += o.Connections
	s.Overflow += o.Overflow
	s.Frames += o.Frames
	s.Bytes += o.Bytes
	for f := range s.Faults {
		s.Faults[f] += o.Faults[f]
	}
	return s
}

// String lists the faults that struck, such as "delay 12, cut 1", or says "none".
func (s Stats) String() string {
	var parts []string
	for f, n := range s.Faults {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%v %d", Fault(f), n))
		}
	}
	if parts == nil {
		return none.String()
	}
	return strings.Join(parts, ", ")
}

type counters struct {
	connections, overflow, frames, bytes atomic.Int64

	faults [NumFaults]atomic.Int64
}

func (c *counters) stats() Stats {
	s := Stats{
		Connections: c.connections.Load(), Overflow: c.overflow.Load(),
		Frames: c.frames.Load(), Bytes: c.bytes.Load(),
	}
	for f := range s.Faults {
		s.Faults[f] = c.faults[f].Load()
	}
	return s
}

// Total returns how many faults of all kinds struck.
func (s Stats) Total() (n int64) {
	for _, count := range s.Faults {
		n += count
	}
	return n
}
