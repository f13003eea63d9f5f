package proto

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// What the decoders return shares no memory with the bytes; their errors wrap cbor.ErrMalformed.

// DecodeProbe turns bytes into what a probe receives.
func DecodeProbe(b []byte) (machine.Data, error) {
	return decode(b, kindPing, kindPong, kindProbing)
}

// DecodeOverlay turns bytes into what an overlay receives.
func DecodeOverlay(b []byte) (machine.Data, error) {
	return decode(b, kindSight, kindItem, kindRows, kindHello, kindLack, kindTick)
}

// DecodeCommand turns bytes into what either is asked.
func DecodeCommand(b []byte) (machine.Data, error) {
	return decode(b, kindLook, kindPublish, kindRead)
}

// DecodeAnswer turns bytes into what either answers.
func DecodeAnswer(b []byte) (machine.Data, error) {
	return decode(b, kindSight, kindPublished, kindRefused, kindItems, kindOutline)
}

// DecodeSight turns bytes into a Sight, for a machine that takes others' messages too.
func DecodeSight(b []byte) (machine.Data, error) { return decode(b, kindSight) }

// IsSight tells whether bytes begin as those of a Sight do.
func IsSight(b []byte) bool {
	r := cbor.NewReader(b)
	return r.Uint() == kindSight && r.Err() == nil
}

// ToProbe tells whether a frame, as machine.AppendMessage makes it, is one of a probe for another:
// a node that has one connection to a peer tells by it for which of its machines the frame is.
func ToProbe(frame []byte) bool {
	r := cbor.NewReader(frame)
	own := r.Uint() == 0 // and no Call or Return
	kind := r.Uint()
	return own && (kind == kindPing || kind == kindPong) && r.Err() == nil
}

func decode(b []byte, kinds ...uint64) (machine.Data, error) {
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

type reader struct{ cbor.Reader }

func (r *reader) data(kind uint64) machine.Data {
	switch kind {
	case kindPing:
		return Ping{Sent: r.time(), Life: r.Uint(), From: r.place()}
	case kindPong:
		return Pong{Sent: r.time(), Life: r.Uint(), From: r.place(), Known: list(r, MaxNamed, r.place)}
	case kindProbing:
		return Probing{}
	case kindLook:
		return Look{}
	case kindSight:
		return r.sight()
	case kindTick:
		return Tick{}
	case kindPublish:
		return Publish{r.body()}
	case kindRead:
		return Read{r.Uint()}
	}
	return r.told(kind)
}

func (r *reader) told(kind uint64) machine.Data {
	switch kind {
	case kindItem:
		return r.item()
	case kindRows:
		return Rows{list(r, MaxPlaces, r.row)}
	case kindHello:
		m := Hello{Heard: list(r, MaxPlaces, r.heard), Have: list(r, MaxKeep, r.id)}
		ascend(r, m.Heard, func(h *Heard) machine.Node { return h.Node })
		return m
	case kindLack:
		return Lack{Rows: list(r, MaxPlaces, r.node), Items: list(r, MaxKeep, r.id)}
	case kindPublished:
		return Published{r.id()}
	case kindRefused:
		return Refused{}
	case kindItems:
		return Items{List: list(r, MaxRead, r.item), Next: r.Uint(), Lost: r.Uint()}
	case kindOutline:
		return Outline{
			Tree: list(r, MaxPlaces, r.edge), Next: list(r, MaxPlaces, r.node),
			Heard: r.Uint(), Copies: r.Uint(),
		}
	}
	return nil
}

// list reads an array of at most so many: none is made before it is read.
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

// ascend demands an order of nodes in which none stands twice.
func ascend[T any](r *reader, all []T, node func(*T) machine.Node) {
	for i := 1; i < len(all); i++ {
		if node(&all[i-1]) >= node(&all[i]) {
			r.Fail("node %d behind %d: want an order in which none stands twice", node(&all[i]), node(&all[i-1]))
			return
		}
	}
}

func (r *reader) node() machine.Node {
	n := r.Uint()
	if n == 0 {
		r.Fail("node 0")
	}
	return machine.Node(n)
}

func (r *reader) time() machine.Time {
	t := r.Int()
	if t < 0 {
		r.Fail("time %d: want 0 or more", t)
	}
	return machine.Time(t)
}

// rtt reads one from least on.
func (r *reader) rtt(least machine.Time) machine.Time {
	t := r.time()
	if t < least || t > MaxRTT {
		r.Fail("a round trip of %d ns: want %d to %d", t, least, MaxRTT)
	}
	return t
}

func (r *reader) name() string {
	s := r.Key()
	if len(s) > MaxName {
		r.Fail("a name of %d bytes: at most %d", len(s), MaxName)
	}
	return s
}

func (r *reader) place() Place {
	r.Fixed(3)
	return Place{Node: r.node(), Addr: r.name(), Zone: r.name()}
}

func (r *reader) sight() Sight {
	m := Sight{Self: r.place(), Peers: list(r, MaxPlaces, r.seen), Chosen: machine.Node(r.Uint())}
	ascend(r, m.Peers, func(s *Seen) machine.Node { return s.Node })
	return m
}

func (r *reader) seen() Seen {
	r.Fixed(3)
	return Seen{Place: r.place(), Up: r.Bool(), RTT: r.rtt(0)}
}

func (r *reader) version() Version {
	r.Fixed(2)
	v := Version{Count: r.Uint(), Life: r.Uint()}
	if v.Count > MaxCount {
		r.Fail("a version of %d: at most %d", v.Count, uint64(MaxCount))
	}
	return v
}

func (r *reader) row() Row {
	r.Fixed(3)
	row := Row{Node: r.node(), Version: r.version(), Links: list(r, MaxPlaces, r.link)}
	ascend(r, row.Links, func(l *Link) machine.Node { return l.To })
	return row
}

func (r *reader) link() Link {
	r.Fixed(2)
	return Link{To: r.node(), RTT: r.rtt(1)}
}

func (r *reader) heard() Heard {
	r.Fixed(2)
	return Heard{Node: r.node(), Version: r.version()}
}

func (r *reader) edge() Edge {
	r.Fixed(3)
	e := Edge{A: r.node(), B: r.node(), RTT: r.rtt(1)}
	if e.A >= e.B {
		r.Fail("an edge from %d to %d: want the lower node first", e.A, e.B)
	}
	return e
}

func (r *reader) id() ID {
	r.Fixed(3)
	return ID{Origin: r.node(), Life: r.Uint(), Seq: r.Uint()}
}

func (r *reader) item() Item {
	r.Fixed(3)
	i := Item{ID: r.id(), Hops: int(r.Uint()), Body: r.body()}
	if i.Hops < 0 || i.Hops > MaxPlaces {
		r.Fail("an item after %d hops: at most %d", i.Hops, MaxPlaces)
	}
	return i
}

func (r *reader) body() []byte {
	b := r.CopyBytes()
	if len(b) > MaxBody {
		r.Fail("a body of %d bytes: at most %d", len(b), MaxBody)
	}
	return b
}
