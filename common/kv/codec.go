package kv

import (
	"strings"
	"time"
	"unicode/utf8"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// The encoding. A struct is an array of its fields in order of declaration; an Op
// or Result is [kind, fields] or null; keys and values are byte strings, versions
// are [Hi, Lo], times are nanoseconds. It is canonical: one value has one encoding,
// and a decoder accepts no other. Nil and empty are one value, which decodes as nil.

// AppendTo appends the canonical encoding of r, which makes *Request a
// [machine.Data]. A Request that passes [Check] decodes again.
func (r *Request) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, 8)
	b = cbor.AppendUint(b, r.Session)
	b = cbor.AppendUint(b, r.Seq)
	b = cbor.AppendUint(b, r.Acked)
	b = cbor.AppendUint(b, uint64(r.Level))
	b = appendVersion(b, r.At)
	b = cbor.AppendBytes(b, r.Token)
	b = cbor.AppendInt(b, int64(r.Wait))
	return appendOp(b, r.Op)
}

// DecodeFrom sets all of r from bytes of a stranger, and to zero if it refuses
// them. It shares no memory with b. It refuses what AppendTo does not write,
// transactions inside transactions and lists of more than MaxTxnOps, with an error
// that wraps [cbor.ErrMalformed]; all other rules are Check's, which can answer.
func (r *Request) DecodeFrom(b []byte) error { return r.decode(cbor.NewReader(b)) }

// BorrowFrom is DecodeFrom without a copy of the values and the Token: they share
// b's memory, and last no longer than what stands there.
func (r *Request) BorrowFrom(b []byte) error { return r.decode(cbor.NewBorrower(b)) }

func (r *Request) decode(d cbor.Reader) error {
	d.Fixed(8)
	r.Session = d.Uint()
	r.Seq = d.Uint()
	r.Acked = d.Uint()
	r.Level = Level(readUint8(&d))
	r.At = readVersion(&d)
	r.Token = d.CopyBytes()
	r.Wait = time.Duration(d.Int())
	r.Op = readOp(&d, true)
	err := d.Close()
	if err != nil {
		*r = Request{}
	}
	return err
}

// DecodeRequest is DecodeFrom as [machine.Protocol] wants it: the Data is a
// *Request.
func DecodeRequest(b []byte) (machine.Data, error) {
	r := new(Request)
	if err := r.DecodeFrom(b); err != nil {
		return nil, err
	}
	return r, nil
}

// AppendTo appends the canonical encoding of r, which makes *Response a
// [machine.Data]. Bytes of Detail and Try that are no UTF-8 become U+FFFD.
func (r *Response) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, 7)
	b = cbor.AppendUint(b, uint64(r.Status))
	b = appendText(b, r.Detail)
	b = appendVersion(b, r.Rev)
	b = cbor.AppendBytes(b, r.Token)
	b = cbor.AppendBool(b, r.Stable)
	b = appendText(b, r.Try)
	return appendResult(b, r.Result)
}

// DecodeFrom sets all of r from bytes of a stranger, and to zero if it refuses
// them. It shares no memory with b. It refuses what AppendTo does not write and,
// as the outcome of an operation in a transaction, all but an Item, Items or a
// Length, with an error that wraps [cbor.ErrMalformed]. Lists are bounded by the
// bytes that are there.
func (r *Response) DecodeFrom(b []byte) error {
	d := cbor.NewReader(b)
	d.Fixed(7)
	r.Status = Status(readUint8(&d))
	r.Detail = d.Text()
	r.Rev = readVersion(&d)
	r.Token = d.CopyBytes()
	r.Stable = d.Bool()
	r.Try = d.Text()
	r.Result = readResult(&d)
	err := d.Close()
	if err != nil {
		*r = Response{}
	}
	return err
}

// DecodeResponse is DecodeFrom as [machine.Protocol] wants it: the Data is a
// *Response.
func DecodeResponse(b []byte) (machine.Data, error) {
	r := new(Response)
	if err := r.DecodeFrom(b); err != nil {
		return nil, err
	}
	return r, nil
}

func appendVersion(b []byte, v Version) []byte {
	return cbor.AppendUint(cbor.AppendUint(cbor.AppendArray(b, 2), v.Hi), v.Lo)
}

func readVersion(d *cbor.Reader) Version {
	d.Fixed(2)
	return Version{Hi: d.Uint(), Lo: d.Uint()}
}

func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return cbor.AppendText(b, s)
}

func readUint8(d *cbor.Reader) uint8 {
	n := d.Uint()
	if n > 1<<8-1 {
		d.Fail("%d where at most 255 is meant", n)
		return 0
	}
	return uint8(n)
}

func readInt(d *cbor.Reader) int {
	n := d.Int()
	if int64(int(n)) != n {
		d.Fail("%d is too large for this machine", n)
		return 0
	}
	return int(n)
}

// readList reads the head of a list of at most limit items.
func readList(d *cbor.Reader, limit int) int {
	n := d.Array()
	if n > limit {
		d.Fail("list of %d items: at most %d", n, limit)
		return 0
	}
	return n
}

// readLong reads the head of a list that is bounded only by the bytes that are
// there, of which each item takes at least so many.
func readLong(d *cbor.Reader, least int) int { return readList(d, len(d.Rest())/least) }

// grow makes room in a long list for n more items: for a few before they were
// seen, and for all of them once that many have really come.
func grow[T any](list []T, n int) []T {
	const few = 64
	switch len(list) {
	case 0:
		return make([]T, 0, min(n, few))
	case few:
		return append(make([]T, 0, few+n), list...)
	}
	return list
}
