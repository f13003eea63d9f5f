package bayou

import (
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
}

func (t *token) appendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(t.wants)), t.database)
	return cbor.AppendUint(t.write.AppendTo(t.read.AppendTo(b)), t.commit)
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
			read: vector.ReadVector(&r), write: vector.ReadVector(&r), commit: r.Uint(),
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
func (s *Server) satisfied(t *token, op kv.Op, level kv.Level) bool {
	needWrites, needReads := kv.MonotonicWrites, kv.WritesFollowReads
	if kv.ReadOnly(op) {
		needWrites, needReads = kv.ReadYourWrites, kv.MonotonicReads
	}
	if level == kv.Prefix && kv.ReadOnly(op) {
		return s.log.Commit() >= t.commit
	}
	return (t.wants&needWrites == 0 || s.reached(t.write)) &&
		(t.wants&needReads == 0 || !s.log.Ahead(&proto.Reach{Known: t.read}))
}

// reached tells whether all that a vector covers is known here. Only what is in it counts: of
// the servers that are not there, a session has written nothing.
func (s *Server) reached(v vector.Vector) bool {
	for _, e := range v {
		if t, state := s.log.Known.Complete(e.Server); state == vector.Unheard || t < e.Time {
			return false
		}
	}
	return true
}

// sawRead notes in a session that it has read here: any of the writes that are known may be
// among what it saw.
func (s *Server) sawRead(t *token, level kv.Level) {
	if level == kv.Prefix {
		t.read.Join(s.log.Sure)
		t.commit = max(t.commit, s.log.Commit())
		return
	}
	t.read.Join(s.log.Known)
}

// sawWrite notes in a session a write of its own.
func (t *token) sawWrite(id vector.Stamp) { t.write.Raise(id) }
