package kv

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Store is a key-value store as its clients see it. It is safe for concurrent use.
type Store interface {
	// Do executes one request. It always returns a Response; when ctx ends first
	// the status is Maybe for what may have been executed and Unavailable for what
	// was certainly not. It returns soon after ctx ends.
	Do(ctx context.Context, req *Request) *Response

	// Offers tells what the Store promises. It is constant, cheap and local.
	Offers() Caps
}

// Request is one operation and its circumstances.
type Request struct {
	Session uint64        // who asks, as OpenSession answered; 0 is nobody: no at-most-once
	Seq     uint64        // the operation's number in its session, from 1; 0 only with Session 0
	Acked   uint64        // all answers up to this Seq have arrived and may be forgotten
	Level   Level         // the least level wanted; LevelDefault is what the Store promises
	At      Version       // read the state of this revision; zero is the present
	Token   []byte        // as the last Response of the same caller gave it
	Wait    time.Duration // how long an operation that waits (Events) may do so; at most MaxWait
	Op      Op
}

// Response is what became of a Request.
type Response struct {
	Status Status
	Detail string  // for people: what was wrong and what would be right
	Rev    Version // of the store when it answered; of the write, for a write
	Token  []byte  // to send with the caller's next Request, to any server
	Stable bool    // what was read or written will not be re-ordered
	Try    string  // another address that may do better; empty if none is known
	Result Result  // nil when Status tells all
}

// Version names a state of the store or of one key. It is opaque and comparable
// with ==; only a Store that offers CapRevisions orders it (Compare). The zero
// Version is "none": before the first write, an absent key.
type Version struct{ Hi, Lo uint64 }

// IsZero reports whether v names nothing.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders the versions of a Store that offers CapRevisions: -1, 0 or 1.
func (v Version) Compare(w Version) int {
	switch {
	case v == w:
		return 0
	case v.Hi < w.Hi, v.Hi == w.Hi && v.Lo < w.Lo:
		return -1
	}
	return 1
}

// String prints v as ParseVersion reads it: "17", or "3.17" with a high part.
func (v Version) String() string {
	if v.Hi == 0 {
		return fmt.Sprint(v.Lo)
	}
	return fmt.Sprintf("%d.%d", v.Hi, v.Lo)
}

// ParseVersion is String backwards.
func ParseVersion(s string) (v Version, err error) {
	hi, lo, two := strings.Cut(s, ".")
	if !two {
		hi, lo = "0", hi
	}
	if v.Hi, err = parseUint(hi); err == nil {
		v.Lo, err = parseUint(lo)
	}
	if err != nil {
		return Version{}, fmt.Errorf("version %q: want N or N.N", s)
	}
	return v, nil
}

// Level is a consistency level: what an operation may see of the others'.
type Level uint8

// The levels, from weak to strong.
const (
	// LevelDefault asks for what the Store promises.
	LevelDefault Level = iota
	// Eventual reads any replica's present state, tentative writes included. When
	// writes stop, all replicas come to agree.
	Eventual
	// Session is Eventual plus the four session guarantees (read your writes,
	// monotonic reads, writes follow reads, monotonic writes: Terry et al. 1994)
	// for a caller that echoes its Token.
	Session
	// Prefix reads the state after some prefix of the one agreed order of writes,
	// never an older prefix than the caller's Token names. It may be old.
	Prefix
	// Linearizable: each operation takes effect at one instant between call and
	// return (Herlihy and Wing 1990).
	Linearizable
	// StrictSerializable is Linearizable for transactions over many keys.
	StrictSerializable
)

var levelNames = []string{"default", "eventual", "session", "prefix", "linearizable", "strict-serializable"}

// String returns the level's name in lower case.
func (l Level) String() string { return nameOf(levelNames, uint64(l)) }

// ParseLevel is String backwards.
func ParseLevel(s string) (Level, error) {
	for i, name := range levelNames {
		if s == name {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("level %q: want one of %s", s, strings.Join(levelNames, ", "))
}

// Cap is a set of capabilities: what a Store offers beyond get, put, delete, scan.
type Cap uint32

// The capabilities.
const (
	CapAppend    Cap = 1 << iota // Append
	CapCompare                   // CAS and Txn
	CapRevisions                 // ordered versions, Request.At, one revision a write
	CapWatch                     // Events
	CapLeases                    // Grant, KeepAlive, Revoke, Leases; Put under a lease
	CapSessions                  // OpenSession; at most once
	CapStat                      // Stat
	CapMembers                   // members, status and transfer of a group (stage 4)
	CapDurable                   // what was acknowledged survives a crash of the process
	CapTentative                 // Guarded, Inquire and Conflicts: writes are tentative at first (stage 3)
	CapProbe                     // Probe: how far other servers are (stage 3)
)

var capNames = []string{"append", "compare", "revisions", "watch", "leases", "sessions", "stat", "members", "durable", "tentative", "probe"}

// Has reports whether every capability of want is in c.
func (c Cap) Has(want Cap) bool { return c&want == want }

// String lists the names, separated by "+".
func (c Cap) String() string {
	var names []string
	for i, name := range capNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// Caps is what a Store promises.
type Caps struct {
	Stage int   // which of the five houses this is; 0 for none
	Level Level // what LevelDefault means here
	Has   Cap
}

// Bounds of the door. A Store refuses what exceeds them with TooLarge or Invalid.
const (
	MaxKey      = 1 << 10          // bytes of a key, at least 1
	MaxValue    = 4 << 20          // bytes of a value, also after an append
	MaxMessage  = 5 << 20          // bytes of an encoded Request or Response
	MaxToken    = 4 << 10          // bytes of a Token
	MaxTxnOps   = 128              // compares, and operations in each branch
	MaxScan     = 10_000           // items in one answer; more are paged
	MaxEvents   = 1_000            // events in one answer
	MaxWait     = 60 * time.Second // of one long poll
	MinTTL      = time.Millisecond // of a lease or session
	MaxTTL      = 24 * time.Hour   // of a lease or session
	MaxInFlight = 1024             // unacknowledged operations of one session
)

func parseUint(s string) (n uint64, err error) {
	if s == "" || len(s) > 20 {
		return 0, fmt.Errorf("not a number")
	}
	for _, c := range []byte(s) {
		d := uint64(c - '0')
		if c < '0' || c > '9' || n > (1<<64-1-d)/10 {
			return 0, fmt.Errorf("not a number")
		}
		n = n*10 + d
	}
	return n, nil
}

func nameOf(names []string, i uint64) string {
	if i < uint64(len(names)) {
		return names[i]
	}
	return fmt.Sprintf("#%d", i)
}
