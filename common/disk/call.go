package disk

import (
	"math"
	"strings"

	"dss.example/common/cbor"
)

const maxOffset = math.MaxInt64 - MaxData // so that no sum of an offset and a size overflows

// check tells what is wrong with a call that no disk needs to look at its files for, and
// OK if nothing is.
func (c *Call) check() Code {
	switch c.Op {
	case Read:
		return good(0 <= c.Offset && c.Offset <= maxOffset && 0 <= c.Size && c.Size <= MaxData)
	case Write:
		return good(0 <= c.Offset && c.Offset <= maxOffset && len(c.Data) <= MaxData)
	case Truncate, Preallocate:
		return good(c.Size >= 0)
	case Sync, Stat, Close:
		return OK
	case Open, Create, Lock, Remove, MakeDir, List, SyncDir:
		return checkPath(c.Op, c.Name)
	case Rename:
		if code := max(checkPath(c.Op, c.Name), checkPath(c.Op, c.To)); code != OK {
			return code
		}
		return good(c.To != c.Name && !strings.HasPrefix(c.To, c.Name+"/"))
	}
	return BadCall
}

func good(ok bool) Code {
	if ok {
		return OK
	}
	return BadCall
}

// checkPath knows what becomes of "." without asking a system, for they differ.
func checkPath(op Op, path string) Code {
	switch {
	case CheckName(path) != nil:
		return BadName
	case path != ".":
		return OK
	}
	switch op {
	case Open, Lock:
		return WrongKind
	case Create, MakeDir:
		return Exists
	case List, SyncDir:
		return OK
	}
	return BadName
}

// The encoding, for a disk in another process (see disk/remote). A struct is an array of
// its fields in order of declaration, the kind of the call or how it ended first. Names
// are byte strings, for what List finds may be no UTF-8. It is canonical: a decoder
// accepts what AppendTo writes and nothing else. Nil and empty are one value, which
// decodes as nil.

// AppendTo appends the canonical encoding of c, which makes a Call a machine.Data.
func (c Call) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 7), uint64(c.Op))
	b = cbor.AppendKey(cbor.AppendKey(b, c.Name), c.To)
	b = cbor.AppendUint(b, uint64(c.File))
	b = cbor.AppendInt(cbor.AppendInt(b, c.Offset), c.Size)
	return cbor.AppendBytes(b, c.Data)
}

// DecodeCall is AppendTo backwards, for bytes of a stranger: the Call shares no memory
// with them. It refuses operations that there are not, and names and data that exceed
// their bounds, with an error that wraps [cbor.ErrMalformed]; all else a Disk answers.
func DecodeCall(b []byte) (Call, error) {
	r := cbor.NewReader(b)
	r.Fixed(7)
	c := Call{Op: Op(readUint(&r, uint64(SyncDir), "operation"))}
	c.Name, c.To = readName(&r, MaxPath), readName(&r, MaxPath)
	c.File = Handle(readUint(&r, math.MaxUint32, "handle"))
	c.Offset, c.Size = r.Int(), r.Int()
	c.Data = readData(&r)
	if c.Op == 0 {
		r.Fail("operation 0")
	}
	if err := r.Close(); err != nil {
		return Call{}, err
	}
	return c, nil
}

// AppendTo appends the canonical encoding of r, which makes a Result a machine.Data.
func (r Result) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendArray(b, 5), uint64(r.Code))
	b = cbor.AppendInt(cbor.AppendUint(b, uint64(r.File)), r.Size)
	b = cbor.AppendArray(cbor.AppendBytes(b, r.Data), len(r.Names))
	for _, name := range r.Names {
		b = cbor.AppendKey(b, name)
	}
	return b
}

// DecodeResult is AppendTo backwards, for bytes of a stranger: the Result shares no
// memory with them. It refuses codes that there are not, and data and names that exceed
// their bounds, with an error that wraps [cbor.ErrMalformed].
func DecodeResult(b []byte) (Result, error) {
	r := cbor.NewReader(b)
	r.Fixed(5)
	res := Result{Code: Code(readUint(&r, uint64(Dead), "code"))}
	res.File = Handle(readUint(&r, math.MaxUint32, "handle"))
	res.Size = r.Int()
	res.Data = readData(&r)
	n := r.Array()
	if n > MaxNames {
		r.Fail("%d names, at most %d", n, MaxNames)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		res.Names = append(res.Names, readName(&r, MaxName+1)) // with its "/"
	}
	if err := r.Close(); err != nil {
		return Result{}, err
	}
	return res, nil
}

func readUint(r *cbor.Reader, most uint64, what string) uint64 {
	n := r.Uint()
	if n > most {
		r.Fail("%s %d", what, n)
		return 0
	}
	return n
}

func readName(r *cbor.Reader, most int) string {
	b := r.Bytes()
	if len(b) > most {
		r.Fail("name of %d bytes, at most %d", len(b), most)
		return ""
	}
	return string(b)
}

func readData(r *cbor.Reader) []byte {
	b := r.Bytes()
	if len(b) > MaxData {
		r.Fail("%d bytes of data, at most %d", len(b), MaxData)
		return nil
	}
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}
