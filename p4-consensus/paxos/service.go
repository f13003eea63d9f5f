package paxos

import (
	"errors"
	"slices"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// Service is the state that is replicated.
type Service interface {
	app.App

	// Read answers a command that its Language sorts as a read. It changes nothing, and may
	// come between any two commands.
	Read(now machine.Time, cmd machine.Data) machine.Data

	// Due tells when the log's time will want a command that nobody asks for (a lease has to
	// end), and which; ok is false if there is none. That command changes what is due.
	Due() (at machine.Time, cmd []byte, ok bool)
}

// Language is what a Replica must know of a Service's commands and answers. Its functions
// are pure.
type Language struct {
	Name string // of the protocol

	// New makes the Service that holds nothing. All replicas' are alike.
	New func() Service

	Command func(b []byte) (machine.Data, error) // decodes a command
	Answer  func(b []byte) (machine.Data, error) // decodes an answer, for Protocol.Answer

	// Sort tells how a command is to be served.
	Sort func(cmd machine.Data) Sort

	// Refuse makes the answer to a command that was not done, or of which nobody knows.
	// try is the address of the leader, if it is known and another.
	Refuse func(why Refusal, text, try string) machine.Data

	// Wait looks at the answer to a read: if wait is not 0, again is asked after each change
	// of the state until its answer needs no wait, or the time has passed. nil: none waits.
	Wait func(cmd, answer machine.Data) (again machine.Data, wait machine.Time)

	// Control tells which Control a command is, or nil, and Told puts an Outcome into an
	// answer. nil: the language has no words for them.
	Control func(cmd machine.Data) proto.Control
	Told    func(proto.Outcome) machine.Data
}

// Sort is a way to serve a command.
type Sort uint8

// The sorts.
const (
	Write     Sort = iota // through the log
	ReadIndex             // of this replica, when a quorum has confirmed a leader since it was asked
	ReadLocal             // of this replica as it stands: a prefix of the log
)

// Refusal is why a command was definitely not done, or that nobody knows.
type Refusal uint8

// The refusals.
const (
	Overloaded  Refusal = iota // a bound was reached
	Unavailable                // no leader was found in time
	Invalid                    // it cannot be done at all
	Conflict                   // another change has come first
	Unknown                    // it may have been done, or may be yet
)

// Config is what one replica is told.
type Config struct {
	Peers []proto.Member // of the first group; their disks are not looked at
	Join  bool           // do not form a cluster: join the one that Peers belong to
	Addr  string         // of this replica, for a Join

	Quorum1, Quorum2 int // of the first group; 0 are majorities

	Heartbeat machine.Time // between two looks at what is due; default 20 ms
	Election  machine.Time // the least silence of a leader after which another is sought; default 200 ms

	// Lease lets a leader read without asking, for this long after a quorum has heard it: at
	// most Election; 0: never. For as long no member helps another to lead. It rests on
	// clocks that run at most a tenth too fast or slow.
	Lease machine.Time

	Alpha    uint64 // of the first group: slots that may be open at a time, and after which a change of it counts; default 64
	Batch    int    // bytes of a Value; default 256 KiB
	Queue    int    // commands that wait at one replica; default 4096
	Snapshot int    // bytes of Values after which a snapshot is taken; default 16 MiB
	Retain   uint64 // slots behind a snapshot that are kept for those who lag; default 1024
}

// Bounds that no Config changes.
const (
	maxVotes   = 1 << 20 // bytes in a Promise or Learn
	maxPending = 32 << 20
	maxGuests  = 16
	maxParked  = 4096
)

func (c Config) withDefaults() Config {
	set(&c.Heartbeat, 20*machine.Millisecond)
	set(&c.Election, 200*machine.Millisecond)
	set(&c.Alpha, 64)
	set(&c.Batch, 256<<10)
	set(&c.Queue, 4096)
	set(&c.Snapshot, 16<<20)
	set(&c.Retain, 1024)
	c.Queue = min(c.Queue, snapshot.WindowSize)
	c.Lease = min(c.Lease, c.Election)
	return c
}

func set[T comparable](p *T, preset T) {
	var zero T
	if *p == zero {
		*p = preset
	}
}

var errConfig = errors.New("paxos: a configuration without a number or with members out of order")

// first is the group that c tells of, as yet without disks and a version.
func (c *Config) first() proto.Group {
	return proto.Group{Members: slices.Clone(c.Peers), Quorum1: c.Quorum1, Quorum2: c.Quorum2, Alpha: c.Alpha}
}

// AppendTo appends the encoding of c.
func (c Config) AppendTo(b []byte) []byte {
	g := c.first()
	b = proto.AppendGroup(b, &g)
	b = cbor.AppendKey(cbor.AppendBool(b, c.Join), c.Addr)
	return proto.AppendNumbers(b, uint64(c.Heartbeat), uint64(c.Election), uint64(c.Lease),
		uint64(c.Batch), uint64(c.Queue), uint64(c.Snapshot), c.Retain)
}

// DecodeConfig is AppendTo backwards.
func DecodeConfig(b []byte) (c Config, err error) {
	r := proto.NewReader(b)
	if v := r.Uint(); v != 0 {
		r.Fail("version %d of a first group: want 0", v)
	}
	c.Quorum1, c.Quorum2, c.Alpha = r.Quorum(), r.Quorum(), r.Uint()
	c.Peers = proto.List(&r, r.Member)
	c.Join, c.Addr = r.Bool(), r.Addr()
	c.Heartbeat, c.Election, c.Lease = r.Time(), r.Time(), r.Time()
	c.Batch, c.Queue, c.Snapshot, c.Retain = r.Size(), r.Size(), r.Size(), r.Uint()
	return c, r.Close()
}

// Protocol tells a world how to run a replica of a language's service. Its configuration
// is an encoded Config.
func (l *Language) Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: l.Name,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			return New(self, l, c)
		},
		Message: proto.DecodeMessage,
		Record:  proto.DecodeRecord,
		Command: l.Command,
		Answer:  l.Answer,
	}
}
