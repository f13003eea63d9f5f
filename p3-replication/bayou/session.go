package bayou

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/kv"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// token is what a session carries from server to server ('94, 5): what it wants, and vectors
// that cover the writes that it has read and written. Only a server whose own vector has
// reached them can serve it.
type token struct {
	database uint64
	wants    kv.Guarantees
	read     vector.Vector
	write    vector.Vector
	commit   uint64 // the last commit number behind a stable read
	left     uint64 // one behind all writes of the session at servers that have retired: see shed
}

func (t *token) appendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(t.wants)), t.database)
	return cbor.AppendUint(cbor.AppendUint(t.write.AppendTo(t.read.AppendTo(b)), t.commit), t.left)
}

// readToken reads a token of another answer, or one with which a session begins. Of a request
// that carries none the level tells what is wanted. A refusal says what is wrong with it.
func (s *Server) readToken(req *kv.Request) (t token, bad *kv.Response) {
	t = token{database: s.me.Database}
	switch len(req.Token) {
	case 0:
		if req.Level != kv.Eventual {
			t.wants = kv.AllGuarantees
		}
		return t, nil
	case 1:
		t.wants = kv.Guarantees(req.Token[0])
	default:
		r := cbor.NewReader(req.Token)
		wants := r.Uint()
		t = token{
			wants: kv.Guarantees(wants), database: r.Uint(),
			read: vector.ReadVector(&r), write: vector.ReadVector(&r), commit: r.Uint(), left: r.Uint(),
		}
		if err := r.Close(); err != nil || wants > uint64(kv.AllGuarantees) {
			return t, kv.Refuse(kv.Invalid, "a token that no server of this database has given: begin without one")
		}
	}
	if t.wants&^kv.AllGuarantees != 0 || t.database != s.me.Database {
		return t, kv.Refuse(kv.Invalid, "a token of another database, or of other guarantees than there are: begin without one")
	}
	return t, nil
}

// satisfied tells whether this server may serve a request of a session now ('94, 4 and 5).
//
//	read your writes       before a read:  all that the session wrote is known here
//	monotonic reads        before a read:  all that it has read
//	writes follow reads    before a write: all that it has read
//	monotonic writes       before a write: all that it wrote
//
// A stable read sees the committed writes only, and never fewer than an earlier one.
//
//ds:todo p3.7 return true
func (s *Server) satisfied(t *token, op kv.Op, level kv.Level) bool {
	needWrites, needReads := kv.MonotonicWrites, kv.WritesFollowReads
	if kv.ReadOnly(op) {
		needWrites, needReads = kv.ReadYourWrites, kv.MonotonicReads
	}
	if level == kv.Prefix && kv.ReadOnly(op) {
		return s.log.Commit() >= t.commit
	}
	return (t.wants&needWrites == 0 || s.reached(t.write) && s.log.Commit() >= t.left) &&
		(t.wants&needReads == 0 || !s.log.Ahead(&proto.Reach{Known: t.read}))
}

// reached tells whether all that a vector covers is known here. Only what is in it counts: of
// the servers that are not there, a session has written nothing.
//
//ds:todo p3.7
func (s *Server) reached(v vector.Vector) bool {
	for _, e := range v {
		if t, state := s.log.Known.Complete(e.Server); state == vector.Unheard || t < e.Time {
			return false
		}
	}
	return true
}

// sawRead notes in a session that it has read here: any of the writes that are known may be
// among what it saw. A session that wants nothing of its reads carries nothing of them.
//
//ds:todo p3.7 return
func (s *Server) sawRead(t *token, level kv.Level) {
	known := s.log.Known
	if level == kv.Prefix {
		known = s.log.Sure
		t.commit = max(t.commit, s.log.Commit())
	}
	if t.wants&(kv.MonotonicReads|kv.WritesFollowReads) != 0 {
		t.read.Join(known)
	}
}

// sawWrite notes in a session a write of its own, if it wants anything of its writes.
//
//ds:todo p3.7 return
func (t *token) sawWrite(id vector.Stamp) {
	if t.wants&(kv.ReadYourWrites|kv.MonotonicWrites) != 0 {
		t.write.Raise(id)
	}
}

// shed takes out of a session those of its servers whose retirement has its number here. In
// their place it wants whoever serves it to have come to that number, or one that is not before.
//
//ds:todo p3.7 return
func (s *Server) shed(t *token) {
	t.write = slices.DeleteFunc(t.write, func(e vector.Entry) bool {
		_, state := s.log.Sure.Complete(e.Server)
		if state == vector.Retired {
			t.left = max(t.left, s.log.Commit())
		}
		return state == vector.Retired
	})
}

// outgrows refuses an operation after which the session's token would exceed kv.MaxToken: before
// a write is accepted, of which nobody would have the token.
func (s *Server) outgrows(t *token, req *kv.Request) *kv.Response {
	most := tokenSize + namesSize(t.read) + namesSize(t.write) + namesSize(s.log.Known) + len(s.me.Name) + entrySize
	if most <= kv.MaxToken || kv.Administers(req.Op) {
		return nil
	}
	next := token{wants: t.wants, read: t.read.Clone(), write: t.write.Clone(), database: t.database, commit: vector.MaxTime, left: t.left}
	if kv.ReadOnly(req.Op) {
		s.sawRead(&next, req.Level)
	} else {
		next.sawWrite(vector.Stamp{Time: vector.MaxTime, Server: s.me.Name})
	}
	if n := len(next.appendTo(nil)); n > kv.MaxToken {
		return kv.Refuse(kv.TooLarge, "a session's token of %d bytes: at most %d: there are too many servers with long names: ask at level %s, or with fewer guarantees", n, kv.MaxToken, kv.Eventual)
	}
	return nil
}

const (
	tokenSize = 64 // more than a token takes besides its entries
	entrySize = 12 // and an entry besides its name
)

// namesSize is more than a vector's entries take in a token.
func namesSize(v vector.Vector) (n int) {
	for _, e := range v {
		n += len(e.Server) + entrySize
	}
	return n
}
