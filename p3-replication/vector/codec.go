package vector

import "dss.example/common/cbor"

// AppendTo appends the encoding of a name: a byte string.
func (s Server) AppendTo(b []byte) []byte { return cbor.AppendKey(b, string(s)) }

// AppendTo appends the encoding of a stamp: an array of its time and its server.
func (s Stamp) AppendTo(b []byte) []byte {
	return s.Server.AppendTo(cbor.AppendUint(cbor.AppendArray(b, 2), s.Time))
}

// AppendTo appends the encoding of a vector: an array of entries, each an array of server and
// time.
func (v Vector) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(v))
	for _, e := range v {
		b = cbor.AppendUint(e.Server.AppendTo(cbor.AppendArray(b, 2)), e.Time)
	}
	return b
}

// ReadServer reads a name, and refuses what is not Valid. It shares no memory with the bytes,
// like all that is read here.
func ReadServer(r *cbor.Reader) Server { return ReadServerLike(r, "") }

// ReadServerLike is ReadServer for one who has a name already that is likely to come again: if it
// does, that one comes back, and takes no memory.
func ReadServerLike(r *cbor.Reader, likely Server) Server {
	b := r.Bytes()
	if r.Err() != nil {
		return ""
	}
	if likely != "" && string(b) == string(likely) {
		return likely
	}
	if s := Server(b[:min(len(b), MaxDepth*levelBytes+1)]); s.Valid() {
		return s
	}
	r.Fail("a server's name of %d bytes: want 1 to %d levels of %d, the first 0, the others times", len(b), MaxDepth, levelBytes)
	return ""
}

// ReadStamp reads the stamp of a write, and refuses times that are not in 1 to MaxTime.
func ReadStamp(r *cbor.Reader) Stamp { return ReadStampLike(r, "") }

// ReadStampLike is ReadStamp for one who has a name already that the stamp is likely to bear: see
// ReadServerLike.
func ReadStampLike(r *cbor.Reader, likely Server) Stamp {
	r.Fixed(2)
	s := Stamp{Time: r.Uint(), Server: ReadServerLike(r, likely)}
	if s.Time == 0 || s.Time > MaxTime {
		r.Fail("a stamp of time %d: want 1 to %d", s.Time, uint64(MaxTime))
	}
	if r.Err() != nil {
		return Stamp{}
	}
	return s
}

// ReadVector reads a vector, and refuses more than MaxServers entries, entries out of order and
// times above MaxTime.
func ReadVector(r *cbor.Reader) Vector {
	n := r.Array()
	if n > MaxServers {
		r.Fail("a vector of %d servers: at most %d", n, MaxServers)
	}
	var v Vector
	for ; n > 0 && r.Err() == nil; n-- {
		r.Fixed(2)
		e := Entry{Server: ReadServer(r), Time: r.Uint()}
		switch {
		case e.Time > MaxTime:
			r.Fail("time %d of server %v: at most %d", e.Time, e.Server, uint64(MaxTime))
		case len(v) > 0 && v[len(v)-1].Server >= e.Server:
			r.Fail("server %v comes twice or out of order", e.Server)
		}
		v = append(v, e)
	}
	if r.Err() != nil {
		return nil
	}
	return v
}
