package vector

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxTime is the last time of a clock. Decoders refuse stamps beyond it, so that no message
// can make a clock run over.
const MaxTime = 1 << 62

// Stamp names a write: the server that accepted it, and the time on that server's clock. A
// server gives each of its stamps a higher time, so no two writes share one.
type Stamp struct {
	Time   uint64 // 1 to MaxTime; 0 is no write
	Server Server
}

// ErrStamp is what texts wrap that are no stamp.
var ErrStamp = errors.New("not a stamp")

// Compare orders stamps by time, then by server: negative if s comes first, 0 if they are the
// same, positive if t comes first. An effect comes after its cause.
//
//ds:todo p3.1
func (s Stamp) Compare(t Stamp) int {
	if s.Time != t.Time {
		return cmp.Compare(s.Time, t.Time)
	}
	return strings.Compare(string(s.Server), string(t.Server))
}

// IsZero tells whether s is no write's.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// String writes a stamp as time@server, "17@0.5". The zero Stamp is "-".
func (s Stamp) String() string {
	if s.IsZero() {
		return "-"
	}
	return strconv.FormatUint(s.Time, 10) + "@" + s.Server.String()
}

// ParseStamp is String backwards for writes' stamps. Its errors wrap ErrStamp, or ErrServer if it
// is the name that is wrong.
func ParseStamp(text string) (Stamp, error) {
	before, after, found := strings.Cut(text, "@")
	t, err := strconv.ParseUint(before, 10, 64)
	if !found || err != nil || t == 0 || t > MaxTime || strconv.FormatUint(t, 10) != before {
		return Stamp{}, fmt.Errorf("%w: %q: want a time from 1 to %d and a server, like 17@0.5", ErrStamp, text, uint64(MaxTime))
	}
	s, err := ParseServer(after)
	if err != nil {
		return Stamp{}, fmt.Errorf("%q: %w", text, err)
	}
	return Stamp{Time: t, Server: s}, nil
}

// Clock is a Lamport clock. It is not durable: who restarts shows it the highest stamp of what
// was saved before anything is stamped again, or new writes pass for old ones.
type Clock struct{ last uint64 }

// Tick returns the next time, which is above all that were returned or witnessed. At MaxTime
// it returns 0, now and ever after: nothing can be stamped any more.
//
//ds:todo p3.1
func (c *Clock) Tick() uint64 {
	if c.last >= MaxTime {
		return 0
	}
	c.last++
	return c.last
}

// Witness makes all later times be above t, a time on somebody's clock. A t above MaxTime is
// nobody's, and ignored.
//
//ds:todo p3.1
func (c *Clock) Witness(t uint64) {
	if t <= MaxTime {
		c.last = max(c.last, t)
	}
}

// Last returns the highest time that was returned or witnessed, 0 if there was none.
func (c *Clock) Last() uint64 { return c.last }
