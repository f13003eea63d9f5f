package proto

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// The kinds, the first item of each encoding. Never reuse a number.
const (
	kindPrepare = iota + 1
	kindPromise
	kindNack
	kindAccept
	kindAccepted
	kindBeat
	kindEcho
	kindCampaign
	kindWant
	kindLearn
	kindInstall
	kindInstalled
	kindForward
	kindReadAsk
	kindReadAt
	kindHello
	kindGreet
	kindJoin
	kindTick
	kindFlush
	kindSaved
	kindBorn
	kindFormed
	kindPromised
	kindVoted
	kindLearned
	kindPiece
)

// AppendNumbers appends integers, one after the other.
func AppendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = cbor.AppendUint(b, n)
	}
	return b
}

func appendBallot(b []byte, v Ballot) []byte { return AppendNumbers(b, v.Round, uint64(v.Node)) }

func appendValue(b []byte, v Value) []byte {
	b = cbor.AppendInt(b, int64(v.Time))
	b = cbor.AppendArray(b, len(v.Entries))
	for i := range v.Entries {
		e := &v.Entries[i]
		b = AppendNumbers(cbor.AppendArray(b, 6), uint64(e.Origin.Node), e.Origin.Disk, e.Origin.Life, e.Origin.Seq, uint64(e.Kind))
		b = cbor.AppendBytes(b, e.Body)
	}
	return b
}

// AppendGroup appends the encoding of a group.
func AppendGroup(b []byte, g *Group) []byte {
	b = AppendNumbers(b, g.Version, uint64(g.Quorum1), uint64(g.Quorum2), g.Alpha)
	b = cbor.AppendArray(b, len(g.Members))
	for _, m := range g.Members {
		b = AppendNumbers(cbor.AppendArray(b, 3), uint64(m.Node), m.Disk)
		b = cbor.AppendKey(b, m.Addr)
	}
	return b
}

// AppendTo implements machine.Data.
func (m Prepare) AppendTo(b []byte) []byte {
	return appendBallot(AppendNumbers(appendBallot(AppendNumbers(b, kindPrepare), m.Ballot), m.From), m.Blessed)
}

// AppendTo implements machine.Data.
func (m Promise) AppendTo(b []byte) []byte {
	b = AppendNumbers(appendBallot(AppendNumbers(b, kindPromise), m.Ballot), m.Disk, m.Next)
	b = cbor.AppendArray(b, len(m.Votes))
	for i := range m.Votes {
		v := &m.Votes[i]
		b = appendBallot(AppendNumbers(cbor.AppendArray(b, 6), v.Slot), v.Ballot)
		b = appendValue(cbor.AppendBool(b, v.Chosen), v.Value)
	}
	return b
}

// AppendTo implements machine.Data.
func (m Nack) AppendTo(b []byte) []byte {
	return AppendNumbers(appendBallot(AppendNumbers(b, kindNack), m.Promised), m.Commit)
}

// AppendTo implements machine.Data.
func (m Accept) AppendTo(b []byte) []byte {
	return appendValue(AppendNumbers(appendBallot(AppendNumbers(b, kindAccept), m.Ballot), m.Slot, m.Commit), m.Value)
}

// AppendTo implements machine.Data.
func (m Accepted) AppendTo(b []byte) []byte {
	return AppendNumbers(appendBallot(AppendNumbers(b, kindAccepted), m.Ballot), m.Disk, m.Slot)
}

// AppendTo implements machine.Data.
func (m Beat) AppendTo(b []byte) []byte {
	return AppendNumbers(appendBallot(AppendNumbers(b, kindBeat), m.Ballot), m.Round, m.Commit)
}

// AppendTo implements machine.Data.
func (m Echo) AppendTo(b []byte) []byte {
	return AppendNumbers(appendBallot(AppendNumbers(b, kindEcho), m.Ballot), m.Disk, m.Round, m.Commit)
}

// AppendTo implements machine.Data.
func (m Campaign) AppendTo(b []byte) []byte {
	return appendBallot(AppendNumbers(b, kindCampaign), m.Ballot)
}

// AppendTo implements machine.Data.
func (m Want) AppendTo(b []byte) []byte { return AppendNumbers(b, kindWant, m.From) }

// AppendTo implements machine.Data.
func (m Learn) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(AppendNumbers(b, kindLearn, m.From, m.Commit), len(m.Values))
	for _, v := range m.Values {
		b = appendValue(cbor.AppendArray(b, 2), v)
	}
	return b
}

// AppendTo implements machine.Data.
func (m Install) AppendTo(b []byte) []byte {
	return appendPiece(AppendNumbers(b, kindInstall), Piece(m))
}

// AppendTo implements machine.Data.
func (m Installed) AppendTo(b []byte) []byte {
	return AppendNumbers(b, kindInstalled, m.Slot, m.Index)
}

// AppendTo implements machine.Data.
func (m Forward) AppendTo(b []byte) []byte {
	return cbor.AppendBytes(AppendNumbers(b, kindForward, m.Disk, m.Life, m.Seq), m.Body)
}

// AppendTo implements machine.Data.
func (m ReadAsk) AppendTo(b []byte) []byte {
	return AppendNumbers(b, kindReadAsk, m.Disk, m.Life, m.Seq)
}

// AppendTo implements machine.Data.
func (m ReadAt) AppendTo(b []byte) []byte {
	return AppendNumbers(b, kindReadAt, m.Disk, m.Life, m.Seq, m.Slot)
}

// AppendTo implements machine.Data.
func (m Hello) AppendTo(b []byte) []byte { return AppendNumbers(b, kindHello, m.Disk) }

// AppendTo implements machine.Data.
func (m Greet) AppendTo(b []byte) []byte {
	b = cbor.AppendBool(AppendNumbers(b, kindGreet, m.Disk), m.Formed)
	if m.Group.Version == 0 {
		return cbor.AppendNull(b)
	}
	return AppendGroup(b, &m.Group)
}

// AppendTo implements machine.Data.
func (m Join) AppendTo(b []byte) []byte {
	return cbor.AppendKey(AppendNumbers(b, kindJoin, m.Disk, m.Commit), m.Addr)
}

// AppendTo implements machine.Data.
func (m Tick) AppendTo(b []byte) []byte { return AppendNumbers(b, kindTick) }

// AppendTo implements machine.Data.
func (m Flush) AppendTo(b []byte) []byte { return AppendNumbers(b, kindFlush) }

// AppendTo implements machine.Data.
func (m Saved) AppendTo(b []byte) []byte { return AppendNumbers(b, kindSaved, m.Record) }

// AppendTo implements machine.Data.
func (r Born) AppendTo(b []byte) []byte {
	return cbor.AppendBool(AppendNumbers(b, kindBorn, r.Disk, r.Life), r.New)
}

// AppendTo implements machine.Data.
func (r Formed) AppendTo(b []byte) []byte { return AppendGroup(AppendNumbers(b, kindFormed), &r.Group) }

// AppendTo implements machine.Data.
func (r Promised) AppendTo(b []byte) []byte {
	return appendBallot(AppendNumbers(b, kindPromised), r.Ballot)
}

// AppendTo implements machine.Data.
func (r Voted) AppendTo(b []byte) []byte {
	return appendValue(AppendNumbers(appendBallot(AppendNumbers(b, kindVoted), r.Ballot), r.Slot, r.Commit), r.Value)
}

// AppendTo implements machine.Data.
func (r Learned) AppendTo(b []byte) []byte {
	return appendValue(AppendNumbers(b, kindLearned, r.Slot), r.Value)
}

// AppendTo implements machine.Data.
func (r Piece) AppendTo(b []byte) []byte { return appendPiece(AppendNumbers(b, kindPiece), r) }

func appendPiece(b []byte, p Piece) []byte {
	return cbor.AppendBytes(cbor.AppendBool(AppendNumbers(b, p.Slot, p.Index), p.Last), p.Body)
}

// DecodeMessage turns bytes into what a replica receives.
func DecodeMessage(b []byte) (machine.Data, error) { return decode(b, kindPrepare, kindSaved) }

// DecodeRecord turns bytes into what a replica has saved.
func DecodeRecord(b []byte) (machine.Data, error) { return decode(b, kindBorn, kindPiece) }

// decode refuses kinds beyond those given. What comes back shares no memory with b.
func decode(b []byte, from, to uint64) (machine.Data, error) {
	r := NewReader(b)
	kind := r.Uint()
	if kind < from || kind > to {
		r.Fail("kind %d: want %d to %d", kind, from, to)
	}
	d := r.data(kind)
	if err := r.Close(); err != nil {
		return nil, err
	}
	return d, nil
}

// Reader reads encodings item by item. What it returns shares no memory with the bytes.
type Reader struct{ cbor.Reader }

// NewReader returns a Reader of b.
func NewReader(b []byte) Reader { return Reader{cbor.NewReader(b)} }

func (r *Reader) data(kind uint64) machine.Data {
	switch kind {
	case kindPrepare:
		return Prepare{Ballot: r.ballot(), From: r.slot(), Blessed: r.anyBallot()}
	case kindPromise:
		m := Promise{Ballot: r.ballot(), Disk: r.Uint(), Next: r.Uint()}
		m.Votes = List(r, r.vote)
		return m
	case kindNack:
		return Nack{Promised: r.anyBallot(), Commit: r.Uint()}
	case kindAccept:
		return Accept{Ballot: r.ballot(), Slot: r.slot(), Commit: r.Uint(), Value: r.value()}
	case kindAccepted:
		return Accepted{Ballot: r.ballot(), Disk: r.Uint(), Slot: r.slot()}
	case kindBeat:
		return Beat{Ballot: r.ballot(), Round: r.Uint(), Commit: r.Uint()}
	case kindEcho:
		return Echo{Ballot: r.ballot(), Disk: r.Uint(), Round: r.Uint(), Commit: r.Uint()}
	case kindCampaign:
		return Campaign{r.ballot()}
	case kindWant:
		return Want{r.Uint()}
	case kindLearn:
		m := Learn{From: r.slot(), Commit: r.Uint()}
		m.Values = List(r, func() Value { r.Fixed(2); return r.value() })
		return m
	case kindInstall:
		return Install(r.piece())
	case kindInstalled:
		return Installed{Slot: r.slot(), Index: r.Uint()}
	case kindForward:
		return Forward{Disk: r.Uint(), Life: r.Uint(), Seq: r.Uint(), Body: r.CopyBytes()}
	case kindReadAsk:
		return ReadAsk{Disk: r.Uint(), Life: r.Uint(), Seq: r.Uint()}
	case kindReadAt:
		return ReadAt{Disk: r.Uint(), Life: r.Uint(), Seq: r.Uint(), Slot: r.Uint()}
	case kindHello:
		return Hello{r.Uint()}
	case kindGreet:
		m := Greet{Disk: r.Uint(), Formed: r.Bool()}
		if !r.Null() {
			m.Group = r.Group()
		}
		return m
	case kindJoin:
		return Join{Disk: r.Uint(), Commit: r.Uint(), Addr: r.Addr()}
	case kindTick:
		return Tick{}
	case kindFlush:
		return Flush{}
	case kindSaved:
		return Saved{r.Uint()}
	}
	return r.record(kind)
}

func (r *Reader) record(kind uint64) machine.Data {
	switch kind {
	case kindBorn:
		return Born{Disk: r.Uint(), Life: r.Uint(), New: r.Bool()}
	case kindFormed:
		return Formed{r.Group()}
	case kindPromised:
		return Promised{r.ballot()}
	case kindVoted:
		return Voted{Ballot: r.ballot(), Slot: r.slot(), Commit: r.Uint(), Value: r.value()}
	case kindLearned:
		return Learned{Slot: r.slot(), Value: r.value()}
	case kindPiece:
		return r.piece()
	}
	return nil
}

// List reads an array, whose items are at least a byte each: none is made before it is read.
func List[T any](r *Reader, item func() T) (all []T) {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		all = append(all, item())
	}
	return all
}

// ballot reads one that is somebody's.
func (r *Reader) ballot() Ballot {
	b := r.anyBallot()
	if b.Node == 0 {
		r.Fail("a ballot of nobody's")
	}
	return b
}

func (r *Reader) anyBallot() Ballot {
	b := Ballot{Round: r.Uint(), Node: machine.Node(r.Uint())}
	if b.Round > MaxRound || (b.Round == 0) != (b.Node == 0) {
		r.Fail("ballot %v: want rounds 1 to %d", b, uint64(MaxRound))
	}
	return b
}

// slot reads a slot's number. They begin at 1, and positions must not overflow.
func (r *Reader) slot() uint64 {
	n := r.Uint()
	if n == 0 || n >= 1<<(64-positionBits) {
		r.Fail("slot %d", n)
	}
	return n
}

// Addr reads an address.
func (r *Reader) Addr() string {
	s := r.Key()
	if len(s) > MaxAddr {
		r.Fail("address of %d bytes: at most %d", len(s), MaxAddr)
	}
	return s
}

func (r *Reader) entryKind() EntryKind {
	n := r.Uint()
	if n > uint64(EntryGroup) {
		r.Fail("entry of kind %d", n)
	}
	return EntryKind(n)
}

func (r *Reader) value() Value {
	v := Value{Time: machine.Time(r.Int())}
	v.Entries = List(r, r.entry)
	if len(v.Entries) > MaxEntries {
		r.Fail("%d entries: at most %d", len(v.Entries), MaxEntries)
	}
	return v
}

func (r *Reader) entry() Entry {
	r.Fixed(6)
	return Entry{
		Origin: Origin{Voter: Voter{Node: machine.Node(r.Uint()), Disk: r.Uint()}, Life: r.Uint(), Seq: r.Uint()},
		Kind:   r.entryKind(), Body: r.CopyBytes(),
	}
}

func (r *Reader) vote() Vote {
	r.Fixed(6)
	v := Vote{Slot: r.slot(), Ballot: r.anyBallot(), Chosen: r.Bool(), Value: r.value()}
	if v.Chosen != v.Ballot.IsZero() {
		r.Fail("a vote in ballot %v, chosen %v", v.Ballot, v.Chosen)
	}
	return v
}

func (r *Reader) piece() Piece {
	return Piece{Slot: r.slot(), Index: r.Uint(), Last: r.Bool(), Body: r.CopyBytes()}
}

// Group reads a group that AppendGroup wrote and Check has nothing against.
func (r *Reader) Group() (g Group) {
	if g.Version = r.Uint(); g.Version == 0 {
		r.Fail("a group of version 0: the first is 1")
	}
	g.Quorum1, g.Quorum2, g.Alpha = r.Quorum(), r.Quorum(), r.Uint()
	g.Members = List(r, r.Member)
	if r.Err() == nil {
		if err := g.Check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return g
}

// Member reads a member, whose disk may be 0.
func (r *Reader) Member() Member {
	r.Fixed(3)
	return Member{Voter: Voter{Node: machine.Node(r.Uint()), Disk: r.Uint()}, Addr: r.Addr()}
}

// Quorum reads the size of a quorum.
func (r *Reader) Quorum() int {
	n := r.Uint()
	if n > MaxMembers {
		r.Fail("a quorum of %d", n)
	}
	return int(n)
}

// Time reads a span of time, which is not negative.
func (r *Reader) Time() machine.Time { return machine.Time(r.Size()) }

// Size reads a number that fits into an int.
func (r *Reader) Size() int {
	n := r.Uint()
	if n >= 1<<62 {
		r.Fail("number %d", n)
	}
	return int(n)
}
