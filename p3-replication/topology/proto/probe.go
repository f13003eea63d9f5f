package proto

import "dss.example/common/machine"

// Bounds of what the machines take from others.
const (
	MaxPlaces = 64  // servers that one knows, itself included
	MaxNamed  = 8   // places in a Pong
	MaxName   = 256 // bytes of an address, or of a zone's name

	MaxRTT = 3600 * machine.Second // what takes longer counts as this
)

// Place is a server, and how others find it.
type Place struct {
	Node machine.Node
	Addr string // at most MaxName bytes
	Zone string // likewise
}

// Messages of probes.
type (
	// Ping asks for a Pong at once.
	Ping struct {
		Sent machine.Time // by the clock of who asks; comes back as it is
		Life uint64       // likewise: another process, another clock
		From Place
	}

	// Pong answers it. It names some of the servers that the sender knows to be up.
	Pong struct {
		Sent  machine.Time
		Life  uint64
		From  Place
		Known []Place // at most MaxNamed
	}

	// Probing is an envelope to oneself: the next round of pings is due.
	Probing struct{}

	// Look asks a probe for its Sight, an overlay for its Outline.
	Look struct{}
)

// Sight is what a probe knows of other servers. It is an answer, and a message to another machine
// of the same node.
type Sight struct {
	Self   Place
	Peers  []Seen       // in order of nodes, at most MaxPlaces
	Chosen machine.Node // the one to ask first; 0: none is up
}

// Seen is how a probe sees another server.
type Seen struct {
	Place
	Up  bool         // it has answered lately
	RTT machine.Time // there and back, smoothed, at most MaxRTT; 0: it never answered
}
