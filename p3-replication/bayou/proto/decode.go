package proto

import (
	"math"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/vector"
)

// maxCommit bounds commit numbers, so that no message makes them run over.
const maxCommit = 1 << 62

// DecodeMessage turns bytes into what a server receives.
func DecodeMessage(b []byte) (machine.Data, error) { return decode(b, kindOffer, kindSaved) }

// DecodeRecord turns bytes into what a server has saved.
func DecodeRecord(b []byte) (machine.Data, error) { return decode(b, kindNamed, kindForgot) }

// decode refuses kinds beyond those given. What comes back shares no memory with b.
func decode(b []byte, from, to uint64) (machine.Data, error) {
	r := reader{Reader: cbor.NewReader(b)}
	kind := r.Uint()
	if kind < from || kind > to {
		r.Fail("kind %d: want %d to %d", kind, from, to)
	}
	d := r.message(kind)
	if err := r.Close(); err != nil {
		return nil, err
	}
	return d, nil
}

// reader makes the writes of a message in pieces of memory that neighbours share: they are
// forgotten at about the same time, so little is kept for the sake of one that stays.
type reader struct {
	cbor.Reader
	name   vector.Server // of the last stamp: most have the same
	writes []oneWrite    // made, and not used yet
	bytes  []byte        // likewise, of values
}

// oneWrite is a Write beside the change that most have only one of.
type oneWrite struct {
	write  Write
	change [1]Change
}

const (
	writesAtOnce = 16      // that are made in one piece
	bytesAtOnce  = 8 << 10 // likewise, of values
	shortValue   = 1 << 10 // bytes: a longer one has memory of its own
)

func (r *reader) message(kind uint64) machine.Data {
	switch kind {
	case kindOffer:
		return Offer{Database: r.Uint(), Reach: r.reach()}
	case kindWant:
		return Want{Database: r.Uint(), Life: r.Uint(), Reach: r.reach(), State: r.cursor()}
	case kindBatch:
		m := Batch{Database: r.Uint(), Life: r.Uint()}
		if m.Items = list(r, r.item); len(m.Items) > MaxItems {
			r.Fail("a batch of %d items: at most %d", len(m.Items), MaxItems)
		}
		m.More, m.Reach = r.Bool(), r.reach()
		return m
	case kindPiece:
		return Piece{Database: r.Uint(), Life: r.Uint(), Part: r.part(), Clock: r.time(), Reach: r.reach()}
	case kindBear:
		return Bear{r.place()}
	case kindBorn:
		return Born{Database: r.Uint(), Life: r.Uint(), Name: r.server()}
	case kindPropose:
		return Propose{From: r.commit(), IDs: list(r, r.stamp)}
	case kindOrdered:
		return Ordered{First: r.number(), IDs: list(r, r.stamp)}
	case kindTick:
		return Tick{}
	case kindFlush:
		return Flush{}
	case kindSaved:
		return Saved{r.Uint()}
	}
	return r.record(kind)
}

func (r *reader) record(kind uint64) machine.Data {
	switch kind {
	case kindNamed:
		return Named{Database: r.Uint(), Name: r.server(), Place: r.place()}
	case kindLearned:
		return Learned{r.write(nil)}
	case kindCommitted:
		return Committed{First: r.number(), IDs: list(r, r.stamp)}
	case kindKept:
		return Kept{Part: r.part(), Clock: r.time()}
	case kindForgot:
		return Forgot{r.place()}
	}
	return nil
}

// list reads an array.
func list[T any](r *reader, item func() T) []T { return listInto(r, nil, item) }

// listInto is list for one who has memory already, for a short array. What is made before it is
// read is a few times as large as the bytes that are there, whatever length was claimed.
func listInto[T any](r *reader, all []T, item func() T) []T {
	n := r.Array()
	if n == 0 {
		return nil
	}
	if n > cap(all) {
		const usual = 16 // bytes of an item, or more
		all = make([]T, 0, min(n, 1+len(r.Rest())/usual))
	}
	for ; n > 0 && r.Err() == nil; n-- {
		all = append(all, item())
	}
	return all
}

func (r *reader) stamp() vector.Stamp {
	s := vector.ReadStampLike(&r.Reader, r.name)
	r.name = s.Server
	return s
}

func (r *reader) server() vector.Server { return vector.ReadServer(&r.Reader) }

func (r *reader) time() uint64 {
	n := r.Uint()
	if n > vector.MaxTime {
		r.Fail("time %d: at most %d", n, uint64(vector.MaxTime))
	}
	return n
}

func (r *reader) commit() uint64 {
	n := r.Uint()
	if n > maxCommit {
		r.Fail("commit number %d: at most %d", n, uint64(maxCommit))
	}
	return n
}

// number reads the commit number of a write: they begin at 1.
func (r *reader) number() uint64 {
	n := r.commit()
	if n == 0 {
		r.Fail("commit number 0: they begin at 1")
	}
	return n
}

func (r *reader) reach() Reach { return Reach{Known: vector.ReadVector(&r.Reader), Commit: r.commit()} }

func (r *reader) text(what string, most int) string { return text(&r.Reader, what, most) }

// text reads a byte string of at most so many bytes.
func text(r *cbor.Reader, what string, most int) string {
	s := r.Key()
	if len(s) > most {
		r.Fail("%s of %d bytes: at most %d", what, len(s), most)
	}
	return s
}

func (r *reader) place() Place { return ReadPlace(&r.Reader) }

// ReadPlace reads what AppendPlace wrote.
func ReadPlace(r *cbor.Reader) Place {
	r.Fixed(4)
	p := Place{
		Node: machine.Node(r.Uint()), Life: r.Uint(),
		Addr: text(r, "an address", MaxAddr), Zone: text(r, "a zone", MaxAddr),
	}
	if p.Node == 0 {
		r.Fail("a place at no node")
	}
	return p
}

func (r *reader) change() Change {
	c := readChange(&r.Reader)
	c.Value = r.keep(c.Value)
	return c
}

// keep returns a copy of a value.
func (r *reader) keep(value []byte) []byte {
	switch n := len(value); {
	case n == 0:
		return nil
	case n > shortValue:
		return append(make([]byte, 0, n), value...)
	case n > len(r.bytes):
		r.bytes = make([]byte, min(bytesAtOnce, n+len(r.Rest())))
	}
	n := copy(r.bytes, value)
	value, r.bytes = r.bytes[:n:n], r.bytes[n:]
	return value
}

// ReadChange reads what AppendChange wrote.
func ReadChange(r *cbor.Reader) Change {
	c := readChange(r)
	c.Value = slices.Clone(c.Value)
	return c
}

// readChange is ReadChange, but the value shares the reader's memory.
func readChange(r *cbor.Reader) Change {
	r.Fixed(2)
	c := Change{Key: text(r, "a key", kv.MaxKey)}
	if c.Delete = r.Null(); !c.Delete {
		c.Value = r.Bytes()
	}
	if c.Key == "" || len(c.Value) > kv.MaxValue {
		r.Fail("a change of a key of %d bytes to a value of %d: want 1 to %d, and at most %d", len(c.Key), len(c.Value), kv.MaxKey, kv.MaxValue)
	}
	return c
}

// newWrite reads one of many writes.
func (r *reader) newWrite() *Write {
	if len(r.writes) == 0 {
		const least = 20 // bytes of a write
		r.writes = make([]oneWrite, min(writesAtOnce, 1+len(r.Rest())/least))
	}
	one := &r.writes[0]
	r.writes = r.writes[1:]
	one.write = r.write(one.change[:0])
	return &one.write
}

// write reads a write. Its changes use the memory of some, if that is enough.
func (r *reader) write(some []Change) Write {
	r.Fixed(3)
	w := Write{ID: r.stamp(), Kind: Kind(min(r.Uint(), math.MaxUint8))}
	switch w.Kind {
	case Update:
		r.Fixed(3)
		w.Update = listInto(r, some, r.change)
		w.Check, w.Merge = r.text("a check", MaxProgram), r.text("a merge procedure", MaxProgram)
	case Birth:
		w.Place = r.place()
	case Handover:
		w.Heir = r.server()
	case Retirement:
		r.null()
	default:
		r.Fail("a write of kind %d", w.Kind)
	}
	if len(w.Update) > MaxChanges || w.Size() > MaxWrite {
		r.Fail("a write of %d changes and %d bytes: at most %d and %d", len(w.Update), w.Size(), MaxChanges, MaxWrite)
	}
	return w
}

func (r *reader) null() {
	if !r.Null() {
		r.Fail("want null")
	}
}

func (r *reader) item() Item {
	r.Fixed(3)
	it := Item{Commit: r.commit()}
	if !r.Bool() {
		it.ID = r.stamp()
		if it.Commit == 0 {
			r.Fail("a commit notification without a number")
		}
		return it
	}
	it.Write = r.newWrite()
	it.ID = it.Write.ID
	return it
}

func (r *reader) cursor() Cursor {
	return Cursor{Commit: r.commit(), From: r.stateKey()}
}

// stateKey reads a key of the state, which has a byte more than those of clients.
func (r *reader) stateKey() string { return r.text("a key of the state", kv.MaxKey+1) }

func (r *reader) part() Part {
	p := Part{At: r.cursor(), Sure: vector.ReadVector(&r.Reader)}
	p.Pairs = list(r, func() Pair {
		r.Fixed(2)
		return Pair{Key: r.stateKey(), Value: r.CopyBytes()}
	})
	p.Next = r.stateKey()
	last := p.At.From
	for i := range p.Pairs {
		if key := p.Pairs[i].Key; key < last || i > 0 && key == last {
			r.Fail("pairs out of order")
		}
		last = p.Pairs[i].Key
	}
	if p.Next == "" && p.At.Commit > 0 && len(p.Sure) == 0 {
		r.Fail("a state after number %d that nobody made", p.At.Commit)
	}
	if p.Next != "" && p.Next <= last {
		r.Fail("a part that ends behind where the next one begins")
	}
	return p
}
