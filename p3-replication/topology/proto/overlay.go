package proto

import "dss.example/common/machine"

// Bounds of an overlay.
const (
	MaxBody  = 64 << 10 // bytes of an Item
	MaxKeep  = 1 << 10  // items that a server keeps, and IDs in a message
	MaxRead  = 64       // items in an Items
	MaxCount = 1 << 60  // of a Version
)

// Version orders the rows of a server. Life is drawn when its process starts, so that two rows
// of one server are the same if their versions are.
type Version struct{ Count, Life uint64 }

// Compare returns -1, 0 or 1, as v is older than o, the same, or newer.
func (v Version) Compare(o Version) int {
	switch {
	case v.Count < o.Count || v.Count == o.Count && v.Life < o.Life:
		return -1
	case v == o:
		return 0
	}
	return 1
}

// Above returns a version newer than v, for a process of the given life. There is none above the
// very last, {MaxCount, 1<<64 - 1}, which no server reaches by itself.
func (v Version) Above(life uint64) Version {
	if v.Count < MaxCount {
		return Version{Count: v.Count + 1, Life: life}
	}
	return Version{Count: MaxCount, Life: v.Life + 1}
}

// Row is what a server tells all others of its links: to those that are up for it.
type Row struct {
	Node    machine.Node
	Version Version
	Links   []Link // in order of nodes, none twice, at most MaxPlaces
}

// Link is a server that answers, and how far it is: 1 to MaxRTT.
type Link struct {
	To  machine.Node
	RTT machine.Time
}

// Edge is a link of the tree, with the lower node as A.
type Edge struct {
	A, B machine.Node
	RTT  machine.Time // the longer of what its two ends tell
}

// ID names an item: the Seq-th that a process of the Origin has published.
type ID struct {
	Origin machine.Node
	Life   uint64
	Seq    uint64
}

// Messages of overlays.
type (
	// Item is something published, on its way down the tree. Hops is how many servers it has
	// passed, its origin not counted: at most MaxPlaces.
	Item struct {
		ID   ID
		Hops int
		Body []byte // at most MaxBody bytes
	}

	// Rows tells rows that may be news; at most MaxPlaces.
	Rows struct{ List []Row }

	// Hello tells which rows a server has, and which items it keeps, so that the other can send
	// or ask for what one of them lacks.
	Hello struct {
		Heard []Heard // in order of nodes, none twice, at most MaxPlaces
		Have  []ID    // at most MaxKeep
	}

	// Lack asks for rows and items.
	Lack struct {
		Rows  []machine.Node // at most MaxPlaces
		Items []ID           // at most MaxKeep
	}

	// Tick is an envelope to oneself: somebody is due to be told Hello.
	Tick struct{}
)

// Heard is which row of a server another has.
type Heard struct {
	Node    machine.Node
	Version Version
}

// Commands of overlays, beside Look.
type (
	// Publish sends a body of at most MaxBody bytes to all servers. Answered with Published or
	// Refused.
	Publish struct{ Body []byte }

	// Read asks for the items that came after the first so many. Answered with Items.
	Read struct{ After uint64 }
)

// Answers of overlays.
type (
	// Published says that the item is on its way to the server's neighbours. Whether it arrives
	// anywhere is another question.
	Published struct{ ID ID }

	// Refused says that a body is too large.
	Refused struct{}

	// Items are those that came next, in the order in which they came.
	Items struct {
		List []Item // at most MaxRead
		Next uint64 // ask with this After for those that follow
		Lost uint64 // of those asked for, how many are kept no longer
	}

	// Outline is what a server thinks of the tree.
	Outline struct {
		Tree   []Edge         // of those that can be reached, in order; at most MaxPlaces
		Next   []machine.Node // its own neighbours in it
		Heard  uint64         // items that have come, its own included
		Copies uint64         // that came once more, and went no farther
	}
)
