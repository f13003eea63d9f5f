// Package asked lets a judge ask the parts of a server that live in another process: vectors,
// the order of writes, and the state that writes make. There each stands behind a machine that
// does nothing else.
//
//	asked.go   what is asked and answered
//	vectors.go stamps, clocks and vectors
//	order.go   the writes in their order
//	state.go   what they come to
//
// A machine does what it is asked, and answers with what can be seen then. It knows nothing of
// what is right.
package asked

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Op is what is asked for. The numbers are part of the protocol between a judge and its parts.
type Op uint64

// Talk is a question or an answer.
type Talk struct {
	Op      Op // of a question
	Numbers []uint64
	Bytes   [][]byte // encodings of what is no number
}

// Bounds of a Talk.
const (
	maxNumbers = 1 << 12
	maxBytes   = 1 << 14 // in number
)

// AppendTo implements machine.Data.
func (t Talk) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(cbor.AppendUint(b, uint64(t.Op)), len(t.Numbers))
	for _, n := range t.Numbers {
		b = cbor.AppendUint(b, n)
	}
	b = cbor.AppendArray(b, len(t.Bytes))
	for _, x := range t.Bytes {
		b = cbor.AppendBytes(b, x)
	}
	return b
}

func decodeTalk(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	t := Talk{Op: Op(r.Uint())}
	n := r.Array()
	if n > maxNumbers {
		r.Fail("%d numbers: at most %d", n, maxNumbers)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		t.Numbers = append(t.Numbers, r.Uint())
	}
	if n = r.Array(); n > maxBytes {
		r.Fail("%d byte strings: at most %d", n, maxBytes)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		t.Bytes = append(t.Bytes, r.CopyBytes())
	}
	return t, r.Close()
}

// Roles are the machines, by the names under which they are made.
func Roles() map[string]*machine.Protocol {
	return map[string]*machine.Protocol{
		Vectors: protocol(Vectors, func() part { return &vectors{} }),
		Order:   protocol(Order, func() part { return &order{} }),
		State:   protocol(State, func() part { return newState() }),
	}
}

// part answers questions. It panics at one that nobody asks.
type part interface{ answer(q Talk) Talk }

func protocol(name string, create func() part) *machine.Protocol {
	return &machine.Protocol{
		Name:    name,
		New:     func(machine.Addr, []byte) (machine.Machine, error) { return &asked{create()}, nil },
		Command: decodeTalk, Answer: decodeTalk,
	}
}

// asked is a part as a machine.
type asked struct{ part }

// Step implements machine.Machine.
func (a *asked) Step(in machine.In, out *machine.Out) {
	if e, ok := in.Event.(machine.Ask); ok {
		out.Answer(e.ID, a.answer(e.Cmd.(Talk)))
	}
}

func yes(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// read reads an encoding that fills b.
func read[T any](b []byte, fn func(*cbor.Reader) T) (T, error) {
	r := cbor.NewReader(b)
	v := fn(&r)
	return v, r.Close()
}

// must is for what a judge can only have encoded well.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("a question that cannot be read: %v", err))
	}
	return v
}

// EncodeWrite encodes a write as a record has it.
func EncodeWrite(w *proto.Write) []byte { return proto.Learned{Write: *w}.AppendTo(nil) }

func decodeWrite(b []byte) *proto.Write {
	w := must(proto.DecodeRecord(b)).(proto.Learned).Write
	return &w
}

// EncodeReach encodes a reach as a message has it.
func EncodeReach(r proto.Reach) []byte { return proto.Offer{Reach: r}.AppendTo(nil) }

func decodeReach(b []byte) proto.Reach { return must(proto.DecodeMessage(b)).(proto.Offer).Reach }

func encodeStamps(first uint64, ids []vector.Stamp) []byte {
	return proto.Committed{First: first, IDs: ids}.AppendTo(nil)
}

// Vector reads the one vector of an answer.
func (t Talk) Vector() (vector.Vector, error) {
	if len(t.Bytes) != 1 {
		return nil, fmt.Errorf("%w: %d byte strings: want one", errTalk, len(t.Bytes))
	}
	return read(t.Bytes[0], vector.ReadVector)
}

// errTalk is an answer that is none.
var errTalk = errors.New("no answer to what was asked")
