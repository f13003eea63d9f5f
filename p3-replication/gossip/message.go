package gossip

import "dss.example/p3-replication/vector"

// Messages between sites.
type (
	// Mail tells of a write, without an answer.
	Mail struct{ Item Item }

	// Rumours tell of items, say which of the receiver's were news, or ask for its own: each part
	// may be missing.
	Rumours struct {
		Items    []Item    // at most MaxPage
		Verdicts []Verdict // of items that were told, at most MaxPage
		Begins   bool      // a conversation, which may be refused as Busy
		Pull     bool      // the receiver's are asked for
		Blind    bool      // verdicts are not asked for
	}

	// Page is a step of an exchange by who began it: what it has between two marks.
	Page struct {
		ID      uint64   // of the exchange, among those of the sender
		Begins  bool     // it is the first, which may be refused as Busy
		Give    []Item   // what the receiver wanted of the page before, at most MaxPage
		Check   bool     // the exchange ends if the receiver's checksum is Sum, once it has what is given
		Sum     uint64   // of all that the sender has
		Probe   bool     // nothing else is asked
		Last    bool     // no answer is wanted
		Upper   Mark     // what is below it is compared; zero: the newest and all below
		Lower   Mark     // down to it; zero: down to the oldest
		Digests []Digest // what the sender has there, newest first, at most MaxPage
		Way     Way      // who wants to be told
	}

	// Diff answers it.
	Diff struct {
		ID    uint64
		Items []Item   // what the sender has newer there, at most MaxPage
		Wants []string // keys that the other has newer there, at most MaxPage
		Done  bool     // there is nothing more to compare
		Lower Mark     // the receiver should go on below it
	}

	// Busy refuses a conversation for want of room in this period.
	Busy struct{ Exchange bool }
)

// Verdict says whether an item was news to who was told of it.
type Verdict struct {
	Key    string
	Stamp  vector.Stamp
	Needed bool
}

// Tick is an envelope to oneself: a period begins.
type Tick struct{}

// Records.
type (
	// Born is the name that a site gives its stamps, and a time that its clock has reached.
	Born struct {
		Name vector.Server
		Time uint64
	}

	// Kept is an item that replaces whatever there was of its key.
	Kept struct{ Item Item }

	// Dropped is a death certificate that is kept no longer.
	Dropped struct {
		Key   string
		Stamp vector.Stamp
	}
)

// Commands.
type (
	// Put writes a key. Answered with Written or Refused.
	Put struct {
		Key   string
		Value []byte
	}

	// Delete makes a death certificate of a key that the site has a value of. Answered with
	// Written, Missing or Refused.
	Delete struct{ Key string }

	// Get asks for a key's value. Answered with Found or Missing.
	Get struct{ Key string }

	// Look asks for an Outline.
	Look struct{}
)

// Answers.
type (
	// Written says that the site has it durably, and spreads it.
	Written struct{ Stamp vector.Stamp }

	// Found is a value, and the stamp of its write.
	Found struct {
		Value []byte
		Stamp vector.Stamp
	}

	// Missing says that this site has no value of the key.
	Missing struct{}

	// Refused says that nothing was done, and why.
	Refused struct{ Why Refusal }

	// Outline tells what a site has. Sites of the same Sum have the same items, dormant
	// certificates aside.
	Outline struct {
		Sum     uint64
		Values  int
		Deaths  int // certificates that are active
		Dormant int // and those that are not
		Hot     int // rumours
	}
)

// Refusal is why a command was refused.
type Refusal uint8

// The refusals.
const (
	TooLarge Refusal = iota + 1 // a key is empty or over MaxKey, or a value over MaxValue
	Full                        // the site has MaxItems
	Ended                       // its clock has reached the last time
)

// String writes a refusal as a sentence.
func (r Refusal) String() string {
	switch r {
	case TooLarge:
		return "a key has 1 to 256 bytes, a value at most 4096"
	case Full:
		return "the site is full"
	case Ended:
		return "the clock of the site has ended"
	}
	return "refused"
}
