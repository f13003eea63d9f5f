package sim

import (
	"math/rand/v2"

	"dss.example/common/machine"
)

// Config describes a world. It is read, never written, and may serve many worlds
// at the same time if its functions may.
type Config struct {
	Nodes   []Node
	Clients []Client

	// Judges makes the judges of one run.
	Judges func() []Judge

	Faults    Faults
	Scheduler Scheduler

	// Latency is how long a message between two nodes takes, one way, give or take an eighth;
	// not negative, and the same whenever it is asked. nil: as the seed draws it for all.
	Latency func(from, to machine.Node) machine.Time

	// Events is the length of a run in steps; default 500.
	Events int

	// Liveness, if not 0, heals everything after Events steps and then demands an
	// answer to every request within this time.
	Liveness machine.Time
}

// Node is a process: its roles share its disk and its crashes.
type Node struct {
	ID    machine.Node
	Roles []Role

	// Safe nodes (clients, instruments) are never crashed, paused or given a wrong
	// clock. Their messages are lost like all others.
	Safe bool

	// Volatile nodes keep nothing on a disk and promise nothing across a crash, so
	// that they are never crashed.
	Volatile bool
}

// Role is one machine of a node.
type Role struct {
	Name     string
	Protocol *machine.Protocol
	Config   []byte // for Protocol.New

	// Remote machines live at the far end of a Pipe, when the world is run through
	// one: the code under judgement. All others live with the judge.
	Remote bool
}

// Client issues requests at one address, one after the other.
type Client struct {
	At machine.Addr

	// Next returns the client's k-th command, from 0; nil ends the client. It may
	// depend on r and on earlier answers only.
	Next func(k int, r *rand.Rand) machine.Data

	// Think is the longest pause before a request; default 10 ms.
	Think machine.Time

	// Patience is how long the client waits before it cancels a request and goes
	// on; 0 is for ever.
	Patience machine.Time
}

// Scheduler says how the next event is picked.
type Scheduler uint8

// The schedulers.
const (
	// Either lets the seed decide between the two.
	Either Scheduler = iota
	// Timed picks the earliest event; latencies are drawn from the seed.
	Timed
	// Untimed picks any pending event; a timer never fires before its time.
	Untimed
)

// Step is one input to one machine and what it said to it. It is the judge's to
// read, until the judge returns.
type Step struct {
	N    int          // steps before this one
	At   machine.Time // virtual time of the world
	Addr machine.Addr
	Life int // how often the node had crashed before
	In   machine.In
	Out  *machine.Out
}

// Judge watches a run and says what is wrong with it. An error ends the run; its
// text names the rule that is broken. A judge of several rules gives its errors a
// method Rule() string: a shrunk run must break the same one.
type Judge interface {
	Step(s *Step) error
	// End is called once after the last step of a run that did not fail.
	// The History is complete then.
	End(w *World) error
}

// Faults are upper bounds; each seed draws its own rates below them. The zero
// value is a perfect world with random latencies.
type Faults struct {
	Drop      float64 // chance that a message is lost
	Duplicate float64 // chance that a message arrives twice
	Delay     float64 // chance that a message is very late

	// Chances for each step of the world.
	Cut      float64 // a partition begins, symmetric or of one direction
	Crash    float64 // a node crashes and comes back later
	Recovery float64 // of a restart: the node crashes again while it loads
	Pause    float64 // a node stands still
	Jump     float64 // a node's clock jumps ahead
	Drift    float64 // a node's clock runs fast or slow by up to this fraction
	FalseUp  float64 // a link hint that is wrong
	Down     int     // nodes that may be down at the same time, or ever lose what was durable; 0: all

	// Disks that fail. Nothing durable is lost: the node stops, and comes back later.
	Full      float64 // of a step that saves: there is no room, and the node stops
	SyncError float64 // of a sync: it fails, and the node stops
	SlowDisk  float64 // of a sync: it takes very long
	ShortRead float64 // of a restart: the log cannot be read to its end, and the node stops

	// Disks that lose what was durable. Whether a protocol survives that is its own claim.
	Wipe     float64 // of a restart: the disk is empty, as Ready says
	Flip     float64 // of a restart: a bit has flipped, and Load says that a record is damaged
	Misplace float64 // of a restart: a record was written over another, and Load says that both are damaged
}

// NetworkFaults are those that leave processes alone.
func NetworkFaults() Faults {
	return Faults{Drop: 0.2, Duplicate: 0.2, Delay: 0.1, Cut: 0.02, FalseUp: 0.01}
}

// AllFaults are the network's, the processes' and those of disks that fail, at rates that
// leave room for progress. No disk loses what was durable.
func AllFaults() Faults {
	f := NetworkFaults()
	f.Crash, f.Recovery, f.Pause, f.Jump, f.Drift = 0.01, 0.2, 0.01, 0.005, 0.05
	f.Full, f.SyncError, f.SlowDisk, f.ShortRead = 0.02, 0.02, 0.1, 0.5
	return f
}

// Damaging is f with disks that damage records: for a protocol that tells what it has
// lost instead of serving something else. It may tell so for ever, which is not live.
func (f Faults) Damaging() Faults {
	f.Flip, f.Misplace = 0.5, 0.5
	return f
}

// Fault is a kind of fault that a run can meet.
type Fault int

// The kinds, as Stats counts them.
const (
	FaultDrop Fault = iota
	FaultDuplicate
	FaultReorder
	FaultDelay
	FaultPartition
	FaultOneWay
	FaultPause
	FaultCrash
	FaultRecoveryCrash
	FaultRestart
	FaultWipe
	FaultUnsynced
	FaultJump
	FaultDrift
	FaultFalseLink
	FaultTorn // of one write, some records outlive a crash and others do not
	FaultFull
	FaultSyncError
	FaultSlowDisk
	FaultShortRead
	FaultFlip
	FaultMisplaced
	numFaults
)

var faultNames = [numFaults]string{
	"drop", "duplicate", "reorder", "delay", "partition", "one-way cut", "pause", "crash", "crash in recovery",
	"restart", "wiped disk", "unsynced loss", "clock jump", "clock drift", "false link hint",
	"torn write", "full disk", "failed sync", "slow disk", "short read", "bit flip", "misplaced write",
}

// String names the kind of fault.
func (f Fault) String() string { return faultNames[f] }

// Stats counts what occurred in one or many runs.
type Stats struct {
	Schedules int
	Steps     int
	Asks      int
	Answers   int
	Faults    [numFaults]int
	Virtual   machine.Time // time that passed inside
}

// Add adds the counts of t.
func (s *Stats) Add(t Stats) {
	s.Schedules += t.Schedules
	s.Steps += t.Steps
	s.Asks += t.Asks
	s.Answers += t.Answers
	s.Virtual += t.Virtual
	for i := range s.Faults {
		s.Faults[i] += t.Faults[i]
	}
}

// Total returns how many faults of all kinds occurred.
func (s *Stats) Total() (n int) {
	for _, c := range s.Faults {
		n += c
	}
	return n
}
