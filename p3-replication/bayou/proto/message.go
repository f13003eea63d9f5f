package proto

import "dss.example/p3-replication/vector"

// Reach is how far a server has come: all that an anti-entropy session must know of it
// ('97, figures 1 to 3).
type Reach struct {
	Known  vector.Vector // of each server, the last of its writes that is known
	Commit uint64        // all writes with a commit number up to this one are known to have it
}

// Messages of anti-entropy. A session goes one way, from who answers to who asks, in as many
// rounds as it takes; whatever ends it, the next one goes on from where it got.
type (
	// Offer tells a server how far another has come, so that it may ask.
	Offer struct {
		Database uint64
		Reach    Reach
	}

	// Want asks for the writes beyond Reach.
	Want struct {
		Database uint64
		Life     uint64 // of who asks: an answer to another life is not heard
		Reach    Reach
		State    Cursor // of a transfer that is under way
	}

	// Batch answers it with what comes next, in an order that leaves no gap wherever it is
	// cut off: first the committed writes, by number, then the tentative ones, by stamp; at
	// most MaxItems.
	Batch struct {
		Database uint64
		Life     uint64
		Items    []Item
		More     bool  // there is more to ask for
		Reach    Reach // of who answers
	}

	// Piece answers who has fallen behind what is still kept of the committed writes: a part
	// of the committed state ('97, figure 3).
	Piece struct {
		Database uint64
		Life     uint64
		Part     Part
		Clock    uint64 // of who answers: above all that is in the state, the writes of the retired too
		Reach    Reach  // likewise
	}
)

// MaxItems bounds the items of a Batch: who takes one in saves all of them in one step.
const MaxItems = 1 << 14

// Item is a write on its way. Without a Write it tells only that the one of that ID, which
// the receiver knows, has a commit number ('97, figure 2).
type Item struct {
	Commit uint64 // 0: it is tentative
	ID     vector.Stamp
	Write  *Write
}

// Cursor names the place in a state from which on more of it is wanted.
type Cursor struct {
	Commit uint64 // of the state; 0: any will do
	From   string
}

// Part is some of the pairs of the committed state after Commit, in their order.
type Part struct {
	At    Cursor // its Commit, and the first key that this part may have
	Sure  vector.Vector
	Pairs []Pair
	Next  string // where to go on; empty: these were the last
}

// Pair is one key of the state, with its value, as package bayou/state keeps it.
type Pair struct {
	Key   string
	Value []byte
}

// Messages of birth and of order.
type (
	// Bear asks a server to make another, whose place this is.
	Bear struct{ Place Place }

	// Born answers, when the Birth is durable.
	Born struct {
		Database uint64
		Life     uint64 // of the place that was asked for
		Name     vector.Server
	}

	// Propose asks whoever gives the order for the commit numbers of writes. From is the
	// first number of which the asking server does not know whose it is.
	Propose struct {
		From uint64
		IDs  []vector.Stamp
	}

	// Ordered tells whose the numbers from First on are.
	Ordered struct {
		First uint64
		IDs   []vector.Stamp
	}
)

// Timers.
type (
	// Tick comes again and again.
	Tick struct{}

	// Flush comes behind the inputs that have gathered.
	Flush struct{}

	// Saved comes when all records up to that one are durable.
	Saved struct{ Record uint64 }
)

// Records. What a server has said, it finds here after a crash.
type (
	// Named is who this server is: saved once.
	Named struct {
		Database uint64
		Name     vector.Server
		Place    Place
	}

	// Learned is a write that is known from now on.
	Learned struct{ Write Write }

	// Committed gives writes that are known the numbers from First on.
	Committed struct {
		First uint64
		IDs   []vector.Stamp
	}

	// Kept is a part of the committed state. When its last part is durable, nothing that was
	// saved before the first part counts any more.
	Kept struct {
		Part  Part
		Clock uint64 // of the server
	}

	// Forgot tells that nothing that was saved before it counts any more: this server begins
	// anew. It asks for a name for that Place, and for no other: whoever bears it twice for
	// one life knows it.
	Forgot struct{ Place Place }
)
