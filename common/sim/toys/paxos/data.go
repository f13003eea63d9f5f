package paxos

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Messages between the roles. Ballots are at least 1.
type (
	// Prepare asks for a promise to take part in no ballot below (phase 1a).
	Prepare struct{ Ballot uint64 }

	// Promise answers it, with the acceptor's latest vote, if any (phase 1b).
	Promise struct {
		Ballot uint64
		Last   Vote // zero when the acceptor has not voted yet
	}

	// Accept asks for a vote (phase 2a).
	Accept Vote

	// Accepted tells the learners of a vote (phase 2b).
	Accepted Vote
)

// Vote is a value in a ballot.
type Vote struct {
	Ballot uint64
	Value  string // any bytes, at most MaxValue
}

// Records: what an acceptor and a proposer keep over a crash.
type (
	// Promised is saved before a Promise leaves.
	Promised struct{ Ballot uint64 }

	// Voted is saved before an Accepted leaves.
	Voted Vote

	// Used is saved before a proposer's first message of a ballot leaves.
	Used struct{ Ballot uint64 }
)

// Commands and answers.
type (
	// Propose asks a proposer to start a ballot. It is not answered.
	Propose struct{ Value string }

	// Learn asks a learner for the chosen value. It is answered with Chosen once
	// one is known.
	Learn struct{}

	// Chosen is the answer to Learn.
	Chosen struct{ Value string }
)

// MaxValue bounds a value in bytes.
const MaxValue = 1024

const (
	kindPrepare = iota + 1
	kindPromise
	kindAccept
	kindAccepted
	kindPromised
	kindVoted
	kindUsed
	kindPropose
	kindLearn
	kindChosen
)

func appendBallot(b []byte, kind, ballot uint64) []byte {
	return cbor.AppendUint(cbor.AppendUint(b, kind), ballot)
}

func appendVote(b []byte, kind uint64, v Vote) []byte {
	return cbor.AppendKey(appendBallot(b, kind, v.Ballot), v.Value)
}

// The encodings: kind, ballot, value.

// AppendTo implements machine.Data.
func (m Prepare) AppendTo(b []byte) []byte { return appendBallot(b, kindPrepare, m.Ballot) }

// AppendTo implements machine.Data.
func (m Promise) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendBallot(b, kindPromise, m.Ballot), m.Last.Ballot)
	return cbor.AppendKey(b, m.Last.Value)
}

// AppendTo implements machine.Data.
func (m Accept) AppendTo(b []byte) []byte { return appendVote(b, kindAccept, Vote(m)) }

// AppendTo implements machine.Data.
func (m Accepted) AppendTo(b []byte) []byte { return appendVote(b, kindAccepted, Vote(m)) }

// AppendTo implements machine.Data.
func (r Promised) AppendTo(b []byte) []byte { return appendBallot(b, kindPromised, r.Ballot) }

// AppendTo implements machine.Data.
func (r Voted) AppendTo(b []byte) []byte { return appendVote(b, kindVoted, Vote(r)) }

// AppendTo implements machine.Data.
func (r Used) AppendTo(b []byte) []byte { return appendBallot(b, kindUsed, r.Ballot) }

// AppendTo implements machine.Data.
func (c Propose) AppendTo(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendUint(b, kindPropose), c.Value)
}

// AppendTo implements machine.Data.
func (c Learn) AppendTo(b []byte) []byte { return cbor.AppendUint(b, kindLearn) }

// AppendTo implements machine.Data.
func (a Chosen) AppendTo(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendUint(b, kindChosen), a.Value)
}

// decode turns bytes into any of the package's data; want tells which kinds the
// caller takes.
func decode(b []byte, want ...uint64) (machine.Data, error) {
	r := cbor.NewReader(b)
	kind := r.Uint()
	d := read(&r, kind)
	ok := false
	for _, k := range want {
		ok = ok || k == kind
	}
	if !ok {
		r.Fail("kind %d is not for this role", kind)
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	return d, nil
}

func read(r *cbor.Reader, kind uint64) machine.Data {
	switch kind {
	case kindPrepare:
		return Prepare{readBallot(r)}
	case kindPromise:
		return Promise{readBallot(r), readLast(r)}
	case kindAccept:
		return Accept(readVote(r))
	case kindAccepted:
		return Accepted(readVote(r))
	case kindPromised:
		return Promised{readBallot(r)}
	case kindVoted:
		return Voted(readVote(r))
	case kindUsed:
		return Used{readBallot(r)}
	case kindPropose:
		return Propose{readValue(r)}
	case kindLearn:
		return Learn{}
	case kindChosen:
		return Chosen{readValue(r)}
	}
	return nil
}

func readBallot(r *cbor.Reader) uint64 {
	n := r.Uint()
	if n == 0 {
		r.Fail("ballot 0")
	}
	return n
}

func readValue(r *cbor.Reader) string {
	v := r.Key()
	if len(v) > MaxValue {
		r.Fail("value of %d bytes", len(v))
	}
	return v
}

func readVote(r *cbor.Reader) Vote { return Vote{readBallot(r), readValue(r)} }

// readLast reads a vote that may be absent: ballot 0 and no value.
func readLast(r *cbor.Reader) Vote {
	v := Vote{r.Uint(), readValue(r)}
	if v.Ballot == 0 && v.Value != "" {
		r.Fail("value without a ballot")
	}
	return v
}
