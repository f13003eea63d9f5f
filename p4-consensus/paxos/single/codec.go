package single

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// An encoding is a CBOR sequence: the kind, then the fields in order, a ballot as round and
// node. Never reuse a number.
const (
	kindPrepare = iota + 1
	kindPromise
	kindNack
	kindAccept
	kindAccepted
	kindInquire
	kindRetry
	kindAgain
	kindKept
	kindUsed
	kindPropose
	kindLearn
	kindChosen
	kindRefused
)

func appendBallot(b []byte, v proto.Ballot) []byte {
	return proto.AppendNumbers(b, v.Round, uint64(v.Node))
}

func appendVote(b []byte, v Vote) []byte { return cbor.AppendKey(appendBallot(b, v.Ballot), v.Value) }

// AppendTo implements machine.Data.
func (m Prepare) AppendTo(b []byte) []byte {
	return appendBallot(cbor.AppendUint(b, kindPrepare), m.Ballot)
}

// AppendTo implements machine.Data.
func (m Promise) AppendTo(b []byte) []byte {
	return appendVote(appendBallot(cbor.AppendUint(b, kindPromise), m.Ballot), m.Last)
}

// AppendTo implements machine.Data.
func (m Nack) AppendTo(b []byte) []byte {
	return appendBallot(appendBallot(cbor.AppendUint(b, kindNack), m.Ballot), m.Promised)
}

// AppendTo implements machine.Data.
func (m Accept) AppendTo(b []byte) []byte {
	return appendVote(cbor.AppendUint(b, kindAccept), Vote(m))
}

// AppendTo implements machine.Data.
func (m Accepted) AppendTo(b []byte) []byte {
	return appendVote(cbor.AppendUint(b, kindAccepted), Vote(m))
}

// AppendTo implements machine.Data.
func (m Inquire) AppendTo(b []byte) []byte { return cbor.AppendUint(b, kindInquire) }

// AppendTo implements machine.Data.
func (m Retry) AppendTo(b []byte) []byte {
	return appendBallot(cbor.AppendUint(b, kindRetry), m.Ballot)
}

// AppendTo implements machine.Data.
func (m Again) AppendTo(b []byte) []byte { return cbor.AppendUint(b, kindAgain) }

// AppendTo implements machine.Data.
func (r Kept) AppendTo(b []byte) []byte {
	return appendVote(appendBallot(cbor.AppendUint(b, kindKept), r.Promised), r.Voted)
}

// AppendTo implements machine.Data.
func (r Used) AppendTo(b []byte) []byte { return appendBallot(cbor.AppendUint(b, kindUsed), r.Ballot) }

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

// AppendTo implements machine.Data.
func (a Refused) AppendTo(b []byte) []byte {
	return proto.AppendNumbers(b, kindRefused, uint64(a.Why))
}

// only returns the decoder of one who takes these kinds and no others. It refuses what
// AppendTo would not have written, with an error that wraps cbor.ErrMalformed.
func only(kinds ...uint64) func([]byte) (machine.Data, error) {
	return func(b []byte) (machine.Data, error) {
		r := reader{cbor.NewReader(b)}
		kind := r.Uint()
		if !slices.Contains(kinds, kind) {
			r.Fail("kind %d: want one of %d", kind, kinds)
		}
		d := r.data(kind)
		if err := r.Close(); err != nil {
			return nil, err
		}
		return d, nil
	}
}

type reader struct{ cbor.Reader }

func (r *reader) data(kind uint64) machine.Data {
	switch kind {
	case kindPrepare:
		return Prepare{r.ballot()}
	case kindPromise:
		return r.promise()
	case kindNack:
		return r.nack()
	case kindAccept:
		return Accept{r.ballot(), r.value()}
	case kindAccepted:
		return Accepted{r.ballot(), r.value()}
	case kindInquire:
		return Inquire{}
	case kindRetry:
		return Retry{r.ballot()}
	case kindAgain:
		return Again{}
	case kindKept:
		return r.kept()
	case kindUsed:
		return Used{r.ballot()}
	case kindPropose:
		return Propose{r.value()}
	case kindLearn:
		return Learn{}
	case kindChosen:
		return Chosen{r.value()}
	case kindRefused:
		return Refused{r.refusal()}
	}
	return nil
}

func (r *reader) promise() Promise {
	m := Promise{r.ballot(), r.last()}
	if !m.Last.Ballot.Less(m.Ballot) {
		r.Fail("promise of ballot %v after a vote in %v", m.Ballot, m.Last.Ballot)
	}
	return m
}

func (r *reader) nack() Nack {
	m := Nack{r.ballot(), r.ballot()}
	if !m.Ballot.Less(m.Promised) {
		r.Fail("ballot %v is refused for %v, which is no higher", m.Ballot, m.Promised)
	}
	return m
}

func (r *reader) kept() Kept {
	k := Kept{r.ballot(), r.last()}
	if k.Promised.Less(k.Voted.Ballot) {
		r.Fail("vote in ballot %v after a promise of %v only", k.Voted.Ballot, k.Promised)
	}
	return k
}

// ballot reads a ballot that is somebody's.
func (r *reader) ballot() proto.Ballot {
	b := r.anyBallot()
	if b.IsZero() {
		r.Fail("a ballot of nobody's")
	}
	return b
}

func (r *reader) anyBallot() proto.Ballot {
	b := proto.Ballot{Round: r.Uint(), Node: machine.Node(r.Uint())}
	if b.Round > proto.MaxRound || (b.Round == 0) != (b.Node == 0) {
		r.Fail("ballot %v: want a round of 1 to %d and a node", b, uint64(proto.MaxRound))
	}
	return b
}

// last reads a vote that may be none.
func (r *reader) last() Vote {
	v := Vote{r.anyBallot(), r.value()}
	if v.Ballot.IsZero() && v.Value != "" {
		r.Fail("a value without a ballot")
	}
	return v
}

func (r *reader) value() string {
	v := r.Key()
	if len(v) > MaxValue {
		r.Fail("value of %d bytes: at most %d", len(v), MaxValue)
	}
	return v
}

func (r *reader) refusal() Refusal {
	n := r.Uint()
	if n > uint64(Disabled) {
		r.Fail("refusal %d: at most %d", n, Disabled)
	}
	return Refusal(n)
}
