package machine

import (
	"fmt"

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
		return cbor.AppendBytes(b, AppendMessage(nil, e.Msg))
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

// DecodeIn is AppendIn backwards for a machine of protocol p.
func DecodeIn(b []byte, p *Protocol) (In, error) {
	var in In
	r := cbor.NewReader(b)
	r.Fixed(4)
	in.Now = Time(r.Int())
	in.Rand = r.Uint()
	switch kind := r.Uint(); kind {
	case kindLoad:
		r.Fixed(3)
		e := Load{Seq: r.Uint(), Damaged: r.Bool()}
		e.Record = readData(&r, p.Record, "records", p)
		in.Event = e
	case kindReady:
		in.Event = Ready{Fresh: r.Bool()}
	case kindRecv:
		r.Fixed(2)
		e := Recv{From: readAddr(&r)}
		msg := r.Bytes()
		if r.Err() == nil {
			var err error
			if e.Msg, err = DecodeMessage(msg, p); err != nil {
				r.Fail("message: %v", err)
			}
		}
		in.Event = e
	case kindAsk:
		r.Fixed(2)
		e := Ask{ID: r.Uint()}
		e.Cmd = readData(&r, p.Command, "commands", p)
		in.Event = e
	case kindCancel:
		in.Event = Cancel{ID: r.Uint()}
	case kindLink:
		r.Fixed(2)
		in.Event = Link{Peer: Node(r.Uint()), Up: r.Bool()}
	default:
		r.Fail("event kind %d", kind)
	}
	return in, r.Close()
}

// AppendOut appends the canonical encoding of out.
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
		b = cbor.AppendBytes(b, AppendMessage(nil, e.Msg))
	}
	b = cbor.AppendArray(b, len(out.Reply))
	for _, a := range out.Reply {
		b = cbor.AppendUint(cbor.AppendArray(b, 3), a.ID)
		b = appendData(cbor.AppendBool(b, a.Early), a.Data)
	}
	b = cbor.AppendUint(b, out.Trim)
	b = cbor.AppendArray(b, len(out.Note))
	for _, f := range out.Note {
		b = cbor.AppendText(cbor.AppendText(cbor.AppendArray(b, 2), f.Name), f.Text)
	}
	return b
}

// Raw is data whose bytes are known and whose meaning is not: a submission's
// records as the judge keeps them, or a message before its receiver decodes it.
// Its bytes must not be changed.
type Raw []byte

// AppendTo appends the bytes as they are.
func (r Raw) AppendTo(b []byte) []byte { return append(b, r...) }

// DecodeOut is AppendOut backwards. Records, messages and answers are left as
// Raw bytes (a message with its leading tag: see DecodeMessage), because only
// their receivers know what they mean. The result shares no memory with b.
func DecodeOut(b []byte, out *Out) error {
	r := cbor.NewReader(append([]byte(nil), b...))
	r.Fixed(5)
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		out.Save = append(out.Save, Raw(r.Bytes()))
	}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(4)
		e := Envelope{To: readAddr(&r), After: Time(r.Int()), Early: r.Bool()}
		e.Msg = Raw(r.Bytes())
		out.Send = append(out.Send, e)
	}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(3)
		out.Reply = append(out.Reply, Answer{ID: r.Uint(), Early: r.Bool(), Data: Raw(r.Bytes())})
	}
	out.Trim = r.Uint()
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(2)
		out.Note = append(out.Note, Fact{Name: r.Text(), Text: r.Text()})
	}
	return r.Close()
}

// appendData wraps data in a byte string, so that a reader that does not know
// its kind can pass over it.
func appendData(b []byte, d Data) []byte {
	if d == nil {
		return cbor.AppendNull(b)
	}
	return cbor.AppendBytes(b, d.AppendTo(nil))
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

func appendAddr(b []byte, a Addr) []byte {
	return cbor.AppendText(cbor.AppendUint(cbor.AppendArray(b, 2), uint64(a.Node)), a.Role)
}

func readAddr(r *cbor.Reader) Addr {
	r.Fixed(2)
	return Addr{Node: Node(r.Uint()), Role: r.Text()}
}
