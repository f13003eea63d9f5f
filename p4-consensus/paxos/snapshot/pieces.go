package snapshot

import (
	"bytes"
	"crypto/sha256"
	"hash"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// Writer makes the pieces of a state, which does not change meanwhile.
type Writer struct {
	Slot uint64
	head []byte
	view app.View

	index uint64 // of the next piece
	key   string // the pairs go on here
	more  bool
	sum   hash.Hash
}

// NewWriter begins to write the state after a slot.
func NewWriter(slot uint64, h Head, view app.View) *Writer {
	w := &Writer{Slot: slot, head: h.appendTo(nil), view: view}
	w.Restart()
	return w
}

// Restart begins again with piece 0 of the same state.
func (w *Writer) Restart() { w.index, w.key, w.more, w.sum = 0, "", true, sha256.New() }

// Next makes the next piece; after the last there is none.
func (w *Writer) Next() proto.Piece {
	p := proto.Piece{Slot: w.Slot, Index: w.index}
	switch {
	case w.index == 0:
		p.Body = w.head
	case w.more:
		var pairs []app.Pair
		pairs, w.key, w.more = app.Piece(w.view, w.key)
		p.Body = cbor.AppendArray(nil, 2*len(pairs))
		for _, pair := range pairs {
			p.Body = cbor.AppendBytes(cbor.AppendKey(p.Body, pair.Key), pair.Value)
		}
	default:
		p.Last, p.Body = true, w.sum.Sum(nil)
	}
	w.sum.Write(p.Body)
	w.index++
	return p
}

// Head is what a replica has to know of a state beside its service.
type Head struct {
	Clock  machine.Time // the log's
	Seen   Windows
	Reigns proto.Reigns
	Gone   Gone
}

func (h *Head) appendTo(b []byte) []byte {
	b = cbor.AppendInt(b, int64(h.Clock))
	b = cbor.AppendArray(b, len(h.Seen))
	for _, w := range h.Seen {
		b = proto.AppendNumbers(cbor.AppendArray(b, 4+len(w.bits)), uint64(w.voter.Node), w.voter.Disk, w.life, w.low)
		b = proto.AppendNumbers(b, w.bits[:]...)
	}
	b = cbor.AppendArray(b, len(h.Reigns))
	for i := range h.Reigns {
		b = proto.AppendNumbers(cbor.AppendArray(b, 5), h.Reigns[i].From)
		b = proto.AppendGroup(b, &h.Reigns[i].Group)
	}
	return h.Gone.appendTo(b)
}

// State is a snapshot that was read.
type State struct {
	Head
	Slot  uint64
	Pairs []app.Pair
}

// Arriving is a snapshot of which some pieces have come.
type Arriving struct {
	State
	Index  uint64 // of the next piece
	Record uint64 // of the first piece, on the disk
	sum    hash.Hash
}

// Add takes a piece; whole tells that it was the last, and ok that all is well so far.
func (a *Arriving) Add(p proto.Piece) (whole, ok bool) {
	if p.Slot != a.Slot || p.Index != a.Index {
		return false, false
	}
	a.Index++
	if p.Last {
		return true, len(a.Reigns) > 0 && bytes.Equal(p.Body, a.sum.Sum(nil))
	}
	a.sum.Write(p.Body)
	r := proto.NewReader(p.Body)
	if p.Index == 0 {
		a.Clock = machine.Time(r.Int())
		a.Seen = proto.List(&r, func() *window { return readWindow(&r) })
		a.Reigns = proto.List(&r, func() proto.Reign { r.Fixed(5); return proto.Reign{From: r.Uint(), Group: r.Group()} })
		a.Gone = readGone(&r)
		return false, r.Close() == nil && len(a.Reigns) > 0
	}
	n := r.Array()
	if n%2 != 0 {
		r.Fail("%d keys and values", n)
	}
	for ; n > 0 && r.Err() == nil; n -= 2 {
		a.Pairs = append(a.Pairs, app.Pair{Key: r.Key(), Value: r.CopyBytes()})
	}
	return false, r.Close() == nil
}

func readWindow(r *proto.Reader) *window {
	w := new(window)
	r.Fixed(4 + len(w.bits))
	w.voter = proto.Voter{Node: machine.Node(r.Uint()), Disk: r.Uint()}
	w.life, w.low = r.Uint(), r.Uint()
	for i := range w.bits {
		w.bits[i] = r.Uint()
	}
	return w
}

// NewArriving waits for piece 0 of the state after a slot, which will be the given record.
func NewArriving(slot, record uint64) *Arriving {
	return &Arriving{State: State{Slot: slot}, Record: record, sum: sha256.New()}
}
