package machine

import (
	"fmt"
	"strings"

	"dss.example/common/cbor"
)

// The kinds of Event on the wire, in the recordings of kvd -record and in the
// judge's pipe.
const (
	kindLoad = iota + 1
	kindReady
	kindRecv
	kindAsk
	kindCancel
	kindLink
)

// AppendIn appends the canonical encoding of in.
func AppendIn(b []byte, in In) []byte {
	b = cbor.AppendArray(b, 4)
	b = cbor.AppendInt(b, int64(in.Now))
	b = cbor.AppendUint(b, in.Rand)
	switch e := in.Event.(type) {
	case Load:
		b = cbor.AppendArray(cbor.AppendUint(b, kindLoad), 3)
		b = cbor.AppendUint(b, e.Seq)
		b = cbor.AppendBool(b, e.Damaged)
		return appendData(b, e.Record)
	case Ready:
		return cbor.AppendBool(cbor.AppendUint(b, kindReady), e.Fresh)
	case Recv:
		b = cbor.AppendArray(cbor.AppendUint(b, kindRecv), 2)
		b = appendAddr(b, e.From)
		return cbor.WrapBytes(AppendMessage(b, e.Msg), len(b))
	case Ask:
		b = cbor.AppendArray(cbor.AppendUint(b, kindAsk), 2)
		return appendData(cbor.AppendUint(b, e.ID), e.Cmd)
	case Cancel:
		return cbor.AppendUint(cbor.AppendUint(b, kindCancel), e.ID)
	case Link:
		b = cbor.AppendArray(cbor.AppendUint(b, kindLink), 2)
		return cbor.AppendBool(cbor.AppendUint(b, uint64(e.Peer)), e.Up)
	}
	panic(fmt.Sprintf("machine: event of type %T", in.Event))
}

// DecodeIn is AppendIn backwards for a machine of protocol p. Its errors wrap
// [cbor.ErrMalformed] and tell where the bytes were wrong.
func DecodeIn(b []byte, p *Protocol) (In, error) {
	r := cbor.NewReader(b)
	r.Fixed(4)
	in := In{Now: Time(r.Int()), Rand: r.Uint()}
	in.Event = readEvent(&r, p)
	if err := r.Close(); err != nil {
		return In{}, err
	}
	return in, nil
}

func readEvent(r *cbor.Reader, p *Protocol) Event {
	switch kind := r.Uint(); kind {
	case kindLoad:
		r.Fixed(3)
		e := Load{Seq: r.Uint(), Damaged: r.Bool()}
		e.Record = readData(r, p.Record, "records", p)
		return e
	case kindReady:
		return Ready{Fresh: r.Bool()}
	case kindRecv:
		r.Fixed(2)
		e := Recv{From: readAddr(r)}
		e.Msg = readMessage(r, p)
		return e
	case kindAsk:
		r.Fixed(2)
		e := Ask{ID: r.Uint()}
		e.Cmd = readData(r, p.Command, "commands", p)
		return e
	case kindCancel:
		return Cancel{ID: r.Uint()}
	case kindLink:
		r.Fixed(2)
		return Link{Peer: Node(r.Uint()), Up: r.Bool()}
	default:
		r.Fail("event kind %d", kind)
		return nil
	}
}

func readMessage(r *cbor.Reader, p *Protocol) Data {
	b := r.Bytes()
	if r.Err() != nil {
		return nil
	}
	msg, err := DecodeMessage(b, p)
	if err != nil {
		r.Fail("message: %v", err)
	}
	return msg
}

// AppendOut appends the canonical encoding of out. What is no UTF-8 in a Fact
// becomes U+FFFD.
func AppendOut(b []byte, out *Out) []byte {
	b = cbor.AppendArray(b, 5)
	b = cbor.AppendArray(b, len(out.Save))
	for _, rec := range out.Save {
		b = appendData(b, rec)
	}
	b = cbor.AppendArray(b, len(out.Send))
	for _, e := range out.Send {
		b = appendAddr(cbor.AppendArray(b, 4), e.To)
		b = cbor.AppendInt(b, int64(e.After))
		b = cbor.AppendBool(b, e.Early)
		b = cbor.WrapBytes(AppendMessage(b, e.Msg), len(b))
	}
	b = cbor.AppendArray(b, len(out.Reply))
	for _, a := range out.Reply {
		b = cbor.AppendUint(cbor.AppendArray(b, 3), a.ID)
		b = appendData(cbor.AppendBool(b, a.Early), a.Data)
	}
	b = cbor.AppendUint(b, out.Trim)
	b = cbor.AppendArray(b, len(out.Note))
	for _, f := range out.Note {
		b = appendText(appendText(cbor.AppendArray(b, 2), f.Name), f.Text)
	}
	return b
}

// Raw is data whose bytes are known and whose meaning is not: a submission's
// records as the judge keeps them, or a message before its receiver decodes it.
// Its bytes must not be changed.
type Raw []byte

// AppendTo appends the bytes as they are.
func (r Raw) AppendTo(b []byte) []byte { return append(b, r...) }

// MaxOut bounds each list of an Out on its way through a pipe: a step that says
// more has run wild.
const MaxOut = 1 << 16

// DecodeOut is AppendOut backwards, for the Outs of a machine that is not trusted.
// Records, messages and answers are left as Raw bytes (a message with its leading
// tag: see DecodeMessage), because only their receivers know what they mean. What
// it finds is appended to out, which is left as it was on an error; it shares no
// memory with b. Errors wrap [cbor.ErrMalformed], also for lists over MaxOut and
// for a record or answer that is nil.
func DecodeOut(b []byte, out *Out) error {
	r := cbor.NewReader(append([]byte(nil), b...))
	got := *out
	r.Fixed(5)
	for n := readList(&r); n > 0 && r.Err() == nil; n-- {
		got.Save = append(got.Save, Raw(r.Bytes()))
	}
	for n := readList(&r); n > 0 && r.Err() == nil; n-- {
		r.Fixed(4)
		e := Envelope{To: readAddr(&r), After: Time(r.Int()), Early: r.Bool()}
		e.Msg = Raw(r.Bytes())
		got.Send = append(got.Send, e)
	}
	for n := readList(&r); n > 0 && r.Err() == nil; n-- {
		r.Fixed(3)
		got.Reply = append(got.Reply, Answer{ID: r.Uint(), Early: r.Bool(), Data: Raw(r.Bytes())})
	}
	got.Trim = max(got.Trim, r.Uint())
	for n := readList(&r); n > 0 && r.Err() == nil; n-- {
		r.Fixed(2)
		got.Note = append(got.Note, Fact{Name: r.Text(), Text: r.Text()})
	}
	if err := r.Close(); err != nil {
		return err
	}
	*out = got
	return nil
}

func readList(r *cbor.Reader) int {
	n := r.Array()
	if n > MaxOut {
		r.Fail("list of %d items: at most %d", n, MaxOut)
		return 0
	}
	return n
}

// appendData wraps data in a byte string, so that a reader that does not know
// its kind can pass over it.
func appendData(b []byte, d Data) []byte {
	if d == nil {
		return cbor.AppendNull(b)
	}
	return cbor.WrapBytes(d.AppendTo(b), len(b))
}

func readData(r *cbor.Reader, fn func([]byte) (Data, error), kind string, p *Protocol) Data {
	if r.Null() {
		return nil
	}
	b := r.Bytes()
	if r.Err() != nil {
		return nil
	}
	d, err := decode(fn, kind, p, b)
	if err != nil {
		r.Fail("%s: %v", kind, err)
		return nil
	}
	return d
}

func appendText(b []byte, s string) []byte {
	return cbor.AppendText(b, strings.ToValidUTF8(s, "\ufffd"))
}

func appendAddr(b []byte, a Addr) []byte {
	return cbor.AppendText(cbor.AppendUint(cbor.AppendArray(b, 2), uint64(a.Node)), a.Role)
}

func readAddr(r *cbor.Reader) Addr {
	r.Fixed(2)
	return Addr{Node: Node(r.Uint()), Role: r.Text()}
}
