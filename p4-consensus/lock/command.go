package lock

import (
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Session names a session: a number that its client has drawn at random. 0 is none.
type Session uint64

// Open begins a session, or renews one that is open.
type Open struct {
	Session Session
	TTL     machine.Time // how long it lives after it was last renewed: MinTTL to MaxTTL
}

// Renew lets a session live for its TTL from now.
type Renew struct{ Session Session }

// Close ends a session: it gives up what it holds and waits for.
type Close struct{ Session Session }

// Acquire asks for a lock. A lock that the session holds or waits for already stays as it is.
type Acquire struct {
	Session Session
	Seq     uint64 // of the session's Acquires and Releases, from 1
	Name    string // of the lock
	Wait    bool   // stand in its queue if another holds it
}

// Release gives up a lock, or the place in its queue.
type Release struct {
	Session Session
	Seq     uint64
	Name    string
}

// Query tells about a lock, and the session's place in its queue. It changes nothing. Session
// may be 0: nobody's.
type Query struct {
	Session Session
	Name    string
	Wait    machine.Time // while the session is in the queue, the answer waits for this long; at most MaxWait
}

// expire ends the sessions whose lease is over. The log asks for it itself.
type expire struct{}

// Bounds.
const (
	MinTTL  = 100 * machine.Millisecond // of a session
	MaxTTL  = 3600 * machine.Second
	MaxWait = 60 * machine.Second // of a Query
	MaxName = 256                 // bytes of a lock's name, at least 1

	MaxSessions = 1 << 16
	MaxLocks    = 256 // that a session holds or waits for
	MaxWaiters  = 256 // of a lock
)

// The kinds of commands and answers, the first item of each encoding. Never reuse a number.
const (
	kindOpen = iota + 1
	kindRenew
	kindClose
	kindAcquire
	kindRelease
	kindQuery
	kindExpire
	kindAnswer
)

// AppendTo implements machine.Data.
func (c Open) AppendTo(b []byte) []byte {
	return cbor.AppendInt(appendHead(b, kindOpen, c.Session), int64(c.TTL))
}

// AppendTo implements machine.Data.
func (c Renew) AppendTo(b []byte) []byte { return appendHead(b, kindRenew, c.Session) }

// AppendTo implements machine.Data.
func (c Close) AppendTo(b []byte) []byte { return appendHead(b, kindClose, c.Session) }

// AppendTo implements machine.Data.
func (c Acquire) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(appendHead(b, kindAcquire, c.Session), c.Seq)
	return cbor.AppendBool(cbor.AppendKey(b, c.Name), c.Wait)
}

// AppendTo implements machine.Data.
func (c Release) AppendTo(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendUint(appendHead(b, kindRelease, c.Session), c.Seq), c.Name)
}

// AppendTo implements machine.Data.
func (c Query) AppendTo(b []byte) []byte {
	return cbor.AppendInt(cbor.AppendKey(appendHead(b, kindQuery, c.Session), c.Name), int64(c.Wait))
}

// AppendTo implements machine.Data.
func (expire) AppendTo(b []byte) []byte { return cbor.AppendUint(b, kindExpire) }

func appendHead(b []byte, kind uint64, s Session) []byte {
	return cbor.AppendUint(cbor.AppendUint(b, kind), uint64(s))
}

// DecodeCommand is AppendTo backwards for commands. It refuses what no state would do
// anything with: a session 0, times and names out of their bounds.
func DecodeCommand(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	cmd := readCommand(&r)
	return cmd, r.Close()
}

func readCommand(r *cbor.Reader) machine.Data {
	switch kind := r.Uint(); kind {
	case kindOpen:
		return Open{readSession(r), readTime(r, MinTTL, MaxTTL)}
	case kindRenew:
		return Renew{readSession(r)}
	case kindClose:
		return Close{readSession(r)}
	case kindAcquire:
		return Acquire{readSession(r), readSeq(r), readName(r), r.Bool()}
	case kindRelease:
		return Release{readSession(r), readSeq(r), readName(r)}
	case kindQuery:
		return Query{Session(r.Uint()), readName(r), readTime(r, 0, MaxWait)}
	case kindExpire:
		return expire{}
	default:
		r.Fail("command of kind %d", kind)
		return nil
	}
}

func readSession(r *cbor.Reader) Session {
	s := r.Uint()
	if s == 0 {
		r.Fail("session 0, want 1 or more")
	}
	return Session(s)
}

func readSeq(r *cbor.Reader) uint64 {
	n := r.Uint()
	if n == 0 {
		r.Fail("number 0 of a command, want 1 or more")
	}
	return n
}

func readName(r *cbor.Reader) string {
	name := r.Key()
	if name == "" || len(name) > MaxName {
		r.Fail("a lock's name of %d bytes, want 1 to %d", len(name), MaxName)
	}
	return name
}

func readTime(r *cbor.Reader, least, most machine.Time) machine.Time {
	t := machine.Time(r.Int())
	if t < least || t > most {
		r.Fail("a time of %d ns, want %d to %d", t, least, most)
	}
	return t
}
