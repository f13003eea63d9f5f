package gossip

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// DecodeMessage turns bytes into what a site receives. What the decoders return shares no memory
// with the bytes; their errors wrap cbor.ErrMalformed.
func DecodeMessage(b []byte) (machine.Data, error) { return decode(b, kindMail, kindTick) }

// DecodeRecord turns bytes into what a site has saved.
func DecodeRecord(b []byte) (machine.Data, error) { return decode(b, kindBorn, kindDropped) }

// DecodeCommand turns bytes into what a site is asked.
func DecodeCommand(b []byte) (machine.Data, error) { return decode(b, kindPut, kindLook) }

// DecodeAnswer turns bytes into what a site answers.
func DecodeAnswer(b []byte) (machine.Data, error) { return decode(b, kindWritten, kindOutline) }

// decode refuses kinds beyond those given.
func decode(b []byte, from, to uint64) (machine.Data, error) {
	r := reader{cbor.NewReader(b)}
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

type reader struct{ cbor.Reader }

func (r *reader) data(kind uint64) machine.Data {
	switch kind {
	case kindMail:
		return Mail{r.item()}
	case kindRumours:
		return Rumours{
			Items: list(r, MaxPage, r.item), Verdicts: list(r, MaxPage, r.verdict),
			Begins: r.Bool(), Pull: r.Bool(), Blind: r.Bool(),
		}
	case kindPage:
		return r.page()
	case kindDiff:
		return Diff{
			ID: r.Uint(), Items: list(r, MaxPage, r.item), Wants: list(r, MaxPage, r.key),
			Done: r.Bool(), Lower: r.mark(),
		}
	case kindBusy:
		return Busy{r.Bool()}
	case kindTick:
		return Tick{}
	case kindBorn:
		return Born{Name: vector.ReadServer(&r.Reader), Time: r.time()}
	case kindKept:
		return Kept{r.item()}
	case kindDropped:
		return Dropped{Key: r.key(), Stamp: vector.ReadStamp(&r.Reader)}
	}
	return r.asked(kind)
}

func (r *reader) asked(kind uint64) machine.Data {
	switch kind {
	case kindPut:
		return Put{Key: r.Key(), Value: r.CopyBytes()}
	case kindDelete:
		return Delete{r.Key()}
	case kindGet:
		return Get{r.Key()}
	case kindLook:
		return Look{}
	case kindWritten:
		return Written{vector.ReadStamp(&r.Reader)}
	case kindFound:
		return Found{Value: r.CopyBytes(), Stamp: vector.ReadStamp(&r.Reader)}
	case kindMissing:
		return Missing{}
	case kindRefused:
		return Refused{r.refusal()}
	case kindOutline:
		return Outline{Sum: r.Uint(), Values: r.number(), Deaths: r.number(), Dormant: r.number(), Hot: r.number()}
	}
	return nil
}

func (r *reader) page() Page {
	m := Page{ID: r.Uint(), Begins: r.Bool(), Check: r.Bool(), Probe: r.Bool(), Last: r.Bool(), Sum: r.Uint()}
	if m.Way = Way(r.small()); m.Way > PushPull {
		r.Fail("way %d", m.Way)
	}
	m.Upper, m.Lower = r.mark(), r.mark()
	m.Give, m.Digests = list(r, MaxPage, r.item), list(r, MaxPage, r.digest)
	for i := range m.Digests {
		at := m.Digests[i].mark()
		outside := !m.Upper.IsZero() && at.Compare(m.Upper) >= 0 || at.Compare(m.Lower) < 0
		if outside || i > 0 && at.Compare(m.Digests[i-1].mark()) >= 0 {
			r.Fail("digest of %q out of order", m.Digests[i].Key)
		}
	}
	return m
}

// list reads an array of at most so many items: none is made before it is read.
func list[T any](r *reader, most int, one func() T) (all []T) {
	n := r.Array()
	if n > most {
		r.Fail("a list of %d: at most %d", n, most)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		all = append(all, one())
	}
	return all
}

func (r *reader) item() Item {
	r.Fixed(4)
	i := Item{Key: r.key(), Stamp: vector.ReadStamp(&r.Reader), Value: r.CopyBytes()}
	if len(i.Value) > MaxValue {
		r.Fail("a value of %d bytes: at most %d", len(i.Value), MaxValue)
	}
	if r.Null() {
		return i
	}
	r.Fixed(3)
	i.Death = &Death{Awake: vector.ReadStamp(&r.Reader), Age: r.span(), Keepers: list(r, MaxKeepers, r.node)}
	switch {
	case len(i.Value) > 0:
		r.Fail("a value of what is dead")
	case i.Death.Awake.Compare(i.Stamp) < 0:
		r.Fail("a certificate active at %v, before %v", i.Death.Awake, i.Stamp)
	case !ascending(i.Death.Keepers):
		r.Fail("keepers out of order")
	}
	return i
}

func ascending(nodes []machine.Node) bool {
	for i := 1; i < len(nodes); i++ {
		if nodes[i] <= nodes[i-1] {
			return false
		}
	}
	return true
}

func (r *reader) verdict() Verdict {
	r.Fixed(3)
	return Verdict{Key: r.key(), Stamp: vector.ReadStamp(&r.Reader), Needed: r.Bool()}
}

func (r *reader) digest() Digest {
	r.Fixed(3)
	d := Digest{Key: r.key(), Stamp: vector.ReadStamp(&r.Reader), Awake: r.stamp()}
	if !d.Awake.IsZero() && d.Awake.Compare(d.Stamp) < 0 {
		r.Fail("a certificate active at %v, before %v", d.Awake, d.Stamp)
	}
	return d
}

// stamp reads one that may be none.
func (r *reader) stamp() vector.Stamp {
	if r.Null() {
		return vector.Stamp{}
	}
	return vector.ReadStamp(&r.Reader)
}

func (r *reader) mark() Mark {
	m := Mark{Stamp: r.stamp(), Key: r.Key()}
	if m.Stamp.IsZero() != (m.Key == "") || len(m.Key) > MaxKey {
		r.Fail("a mark of %d bytes at %v", len(m.Key), m.Stamp)
	}
	return m
}

func (r *reader) key() string {
	k := r.Key()
	if k == "" || len(k) > MaxKey {
		r.Fail("a key of %d bytes: want 1 to %d", len(k), MaxKey)
	}
	return k
}

func (r *reader) node() machine.Node {
	n := r.Uint()
	if n == 0 {
		r.Fail("node 0")
	}
	return machine.Node(n)
}

func (r *reader) weight() uint32 {
	n := r.Uint()
	if n > MaxWeight {
		r.Fail("a weight of %d: at most %d", n, MaxWeight)
	}
	return uint32(n)
}

func (r *reader) refusal() Refusal {
	n := r.small()
	if n == 0 || n > uint8(Ended) {
		r.Fail("refusal %d", n)
	}
	return Refusal(n)
}

// small reads a number of one byte.
func (r *reader) small() uint8 {
	n := r.Uint()
	if n > 255 {
		r.Fail("number %d: at most 255", n)
	}
	return uint8(n)
}

// number reads a number that is not negative.
func (r *reader) number() int {
	n := r.Uint()
	if n > maxTime {
		r.Fail("number %d: at most %d", n, int64(maxTime))
	}
	return int(n)
}

func (r *reader) span() machine.Time { return machine.Time(r.number()) }

func (r *reader) time() uint64 {
	t := r.Uint()
	if t > vector.MaxTime {
		r.Fail("time %d: at most %d", t, uint64(vector.MaxTime))
	}
	return t
}
