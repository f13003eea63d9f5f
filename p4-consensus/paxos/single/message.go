package single

import "dss.example/p4-consensus/paxos/proto"

// Messages between the roles. Their ballots are somebody's.
type (
	// Prepare asks for a promise to vote in no ballot below (phase 1a).
	Prepare struct{ Ballot proto.Ballot }

	// Promise answers it, with the acceptor's latest vote, which is below Ballot (phase 1b).
	Promise struct {
		Ballot proto.Ballot
		Last   Vote // zero: it has not voted yet
	}

	// Nack refuses a Prepare or an Accept: a higher ballot was promised.
	Nack struct{ Ballot, Promised proto.Ballot }

	// Accept asks for a vote (phase 2a).
	Accept Vote

	// Accepted tells a learner of a vote (phase 2b).
	Accepted Vote

	// Inquire asks what the receiver knows: an acceptor answers with Accepted, any other with
	// Chosen. Who does not know finds out, but answers a later Inquire only.
	Inquire struct{}
)

// Vote is a value in a ballot.
type Vote struct {
	Ballot proto.Ballot
	Value  string // any bytes, at most MaxValue of them
}

// MaxValue bounds a value in bytes.
const MaxValue = 64 << 10

// Envelopes to oneself.
type (
	// Retry is a proposer's timer: this ballot has had its time.
	Retry struct{ Ballot proto.Ballot }

	// Again is a learner's timer.
	Again struct{}
)

// Records. Each replaces those before it.
type (
	// Kept is all that an acceptor must not forget. It is saved before a Promise or an
	// Accepted leaves.
	Kept struct {
		Promised proto.Ballot // not below that of Voted
		Voted    Vote         // the latest; zero: none
	}

	// Used is the latest ballot of a proposer. It is saved before the ballot's Prepare leaves.
	Used struct{ Ballot proto.Ballot }
)

// Commands.
type (
	// Propose asks a proposer to have a value chosen: this one, unless another comes first.
	// It is answered when it is known which.
	Propose struct{ Value string }

	// Learn asks a learner for the chosen value. It is answered when there is one.
	Learn struct{}
)

// Answers. Chosen is also a message to those who are to know.
type (
	// Chosen tells which value is chosen.
	Chosen struct{ Value string }

	// Refused tells that nothing was done for a command, and never will be.
	Refused struct{ Why Refusal }
)

// Refusal is why a command was refused.
type Refusal uint8

// The refusals.
const (
	Busy     Refusal = iota // MaxWaiting commands wait here already
	TooLarge                // the value exceeds MaxValue
	Disabled                // no ballot can be begun here: the disk is damaged, or none is left above
)
