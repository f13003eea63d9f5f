package proto

import "dss.example/common/machine"

// Messages of phase 1: who leads.
type (
	// Prepare asks for a promise to take part in no lower ballot, and for the votes from
	// slot From on (phase 1a; Paxos Made Moderately Complex, section 4.1).
	Prepare struct {
		Ballot  Ballot
		From    uint64
		Blessed Ballot // the leader's that has asked for this election; zero: none
	}

	// Promise answers it (phase 1b). Votes that do not fit are asked for again.
	Promise struct {
		Ballot Ballot
		Disk   uint64
		Votes  []Vote
		Next   uint64 // the slot to ask from for more votes; 0: these were all
	}

	// Nack refuses a Prepare, Accept or Beat that comes too late: a higher ballot was
	// promised, or what is asked for is no longer in the log.
	Nack struct {
		Promised Ballot
		Commit   uint64
	}
)

// Vote is what a promise tells of a slot.
type Vote struct {
	Slot   uint64
	Ballot Ballot // zero if Chosen: it no longer matters
	Chosen bool
	Value  Value
}

// Messages of phase 2: what is chosen.
type (
	// Accept asks for a vote (phase 2a), and tells up to which slot all are chosen.
	Accept struct {
		Ballot Ballot
		Slot   uint64
		Commit uint64
		Value  Value
	}

	// Accepted tells of a vote (phase 2b).
	Accepted struct {
		Ballot Ballot
		Disk   uint64
		Slot   uint64
	}

	// Beat says that a leader leads, and up to which slot all are chosen.
	Beat struct {
		Ballot Ballot
		Round  uint64 // of this leader's beats
		Commit uint64
	}

	// Echo answers it: at that time no higher ballot had been promised.
	Echo struct {
		Ballot Ballot
		Disk   uint64
		Round  uint64
		Commit uint64 // the sender's
	}

	// Campaign asks a member to lead instead of the sender.
	Campaign struct{ Ballot Ballot }
)

// Messages for those who lag.
type (
	// Want asks for what was chosen from slot From on; 0 asks for a snapshot.
	Want struct{ From uint64 }

	// Learn tells it: the values of From and the slots after it.
	Learn struct {
		From   uint64
		Commit uint64 // the sender's
		Values []Value
	}

	// Install is a piece of a snapshot of the state after a slot.
	Install struct {
		Slot  uint64
		Index uint64 // of the piece, from 0
		Last  bool
		Body  []byte // see snapshot.go
	}

	// Installed asks for the next piece.
	Installed struct {
		Slot  uint64
		Index uint64
	}
)

// Messages between a replica that is asked and the leader.
type (
	// Forward hands on a command, and may be repeated.
	Forward struct {
		Disk, Life, Seq uint64
		Body            []byte
	}

	// ReadAsk asks for the slot after which a read is up to date.
	ReadAsk struct{ Disk, Life, Seq uint64 }

	// ReadAt answers it, when a quorum has confirmed that the sender leads.
	ReadAt struct{ Disk, Life, Seq, Slot uint64 }
)

// Messages of those who are not in the group yet.
type (
	// Hello asks a peer what it knows; a new cluster forms of them (see member.go).
	Hello struct{ Disk uint64 }

	// Greet answers it.
	Greet struct {
		Disk   uint64
		Formed bool
		Group  Group // the newest, if one is known
	}

	// Join asks a leader to be kept up to date.
	Join struct {
		Disk   uint64
		Addr   string
		Commit uint64
	}
)

// Envelopes to oneself.
type (
	// Tick is the timer: everything that has a deadline is looked at.
	Tick struct{}

	// Flush comes after all inputs that have gathered: what was asked leaves as a batch.
	Flush struct{}

	// Saved comes when the records before it are durable.
	Saved struct{ Record uint64 }
)

// Records.
type (
	// Born begins a life: it names the disk and counts the lives on it. New tells that the
	// name was drawn then: no record before it was made under it.
	Born struct {
		Disk, Life uint64
		New        bool
	}

	// Formed is the first group.
	Formed struct{ Group Group }

	// Promised is saved before a Promise leaves.
	Promised struct{ Ballot Ballot }

	// Voted is saved before an Accepted leaves.
	Voted struct {
		Ballot Ballot
		Slot   uint64
		Commit uint64
		Value  Value
	}

	// Learned is a value that others have chosen.
	Learned struct {
		Slot  uint64
		Value Value
	}

	// Piece is a part of a snapshot, its own or one that was sent.
	Piece struct {
		Slot  uint64
		Index uint64
		Last  bool
		Body  []byte
	}
)

// Control is a command that is not the Service's: a Change, Transfer or Inspect.
type Control interface{ isControl() }

// Outcome is the answer to a Control: a Done or Report.
type Outcome interface{ isOutcome() }

func (Change) isControl()   {}
func (Transfer) isControl() {}
func (Inspect) isControl()  {}
func (Done) isOutcome()     {}
func (Report) isOutcome()   {}

// The kinds of Control.
type (
	// Change asks for the next group: the newest with one member added, removed or both.
	// Answered with Done or a refusal.
	Change struct {
		Add    machine.Node // a replica that runs with -join; 0: none
		Remove machine.Node // 0: none
	}

	// Transfer asks the leader to let another member lead. Answered with Done when it has
	// been told.
	Transfer struct{ To machine.Node }

	// Inspect asks for a Report: of the replica, or of its group.
	Inspect struct{ Group bool }
)

// The kinds of Outcome.
type (
	// Done says that it was done.
	Done struct{ Slot uint64 }

	// Report tells what a replica knows.
	Report struct {
		Asked    Inspect // what it answers
		Self     machine.Node
		Leader   machine.Node // 0: none known
		Ballot   Ballot       // the highest promised
		Commit   uint64
		First    uint64 // slots before it are only in the snapshot
		Snapshot uint64 // the slot of the newest
		Role     string // leader, follower, candidate, forming, joining
		Group    Group  // the newest
		From     uint64 // the first slot that Group decides
		Guests   []Guest
		Waiting  string // what it waits for before it votes; empty: nothing
	}
)

// Guest is somebody whom a leader keeps up to date and who is no member.
type Guest struct {
	Member
	Commit uint64 // the last that it has told of
	Ready  bool   // it has caught up, so that it can be added
}
