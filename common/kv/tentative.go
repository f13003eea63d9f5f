package kv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stores whose servers take writes while cut off from each other. A write is tentative at
// first: one that is heard of later may come before it, and then it is done again, with
// another end perhaps. Once it is stable, nothing comes before it any more. Such a Store
// serves reads at Level Prefix too, whatever it promises: from the stable writes alone.

type (
	// Guarded does Then where the check If holds, and else what the procedure Else finds: both
	// are programs, which see the keys at the write's place in the order, wherever that will
	// be (the dependency checks and merge procedures of Bayou: Terry et al. 1995). What
	// neither can do is a conflict. An empty If always holds, an empty Else finds nothing.
	//
	// Then holds Put without a lease and Delete only. OK with a GuardedResult; Invalid if a
	// program is none. It needs CapTentative.
	Guarded struct {
		If   string
		Then []Op
		Else string
	}

	// Inquire asks what is known of the write that a Response gave this Rev to. OK with a
	// Standing. It needs CapTentative.
	Inquire struct{ Write Version }

	// Conflicts lists the writes that could not be done, in their order; with Level Prefix
	// the stable ones only. OK with a ConflictList. It needs CapTentative.
	Conflicts struct {
		After Version // the Write of the last one that the caller has; zero: from the first
		Limit int     // 0 or more than MaxConflicts means MaxConflicts
	}

	// Probe asks how far away the other servers are. OK with a Distances. It needs CapProbe.
	Probe struct{}
)

func (Guarded) kind() opKind   { return opGuarded }
func (Inquire) kind() opKind   { return opInquire }
func (Conflicts) kind() opKind { return opConflicts }
func (Probe) kind() opKind     { return opProbe }

// Bounds of these operations.
const (
	MaxProgram   = 64 << 10 // bytes of an If or an Else
	MaxConflicts = 100      // in one answer
)

type (
	// GuardedResult tells what became of a Guarded, where it stands at present.
	GuardedResult struct{ Fate Fate }

	// Standing is what a server knows of a write.
	Standing struct {
		Known  bool   // the server has it, or had it
		Stable bool   // it will not be re-ordered
		Commit uint64 // its number in the order of stable writes; 0: none, or no longer known
	}

	// Conflicted is a write that could not be done.
	Conflicted struct {
		Write  Version
		Server string // that accepted it, by its name
		Text   string // why it could not be done
		Then   []Op   // what it was to do; of a large one without the values
		Stable bool   // it will not be tried again
	}

	// ConflictList is in the order of the writes. More tells that others come behind. A
	// Store ends List early, but not before the first one, where the Response would exceed
	// MaxMessage.
	ConflictList struct {
		List []Conflicted
		More bool
	}

	// Distance is how far another server is.
	Distance struct {
		ID     ReplicaID
		Addr   string
		Zone   string
		Up     bool          // it has answered lately
		RTT    time.Duration // there and back; 0: it never answered
		Chosen bool          // the one that this server would ask first
	}

	// Distances is in order of IDs.
	Distances struct {
		Asked ReplicaID // who tells all this
		Zone  string    // its own
		List  []Distance
	}
)

func (GuardedResult) resultKind() resultKind { return resultGuarded }
func (Standing) resultKind() resultKind      { return resultStanding }
func (ConflictList) resultKind() resultKind  { return resultConflicts }
func (Distances) resultKind() resultKind     { return resultDistances }

// Fate is what became of a write that has a check.
type Fate uint8

// The fates. The numbers are part of the wire format.
const (
	Applied    Fate = iota + 1 // its check held
	Merged                     // its merge procedure found something else
	Unresolved                 // nothing was done: see Conflicts
)

var fateNames = []string{"none", "applied", "merged", "unresolved"}

// String returns the fate's name in lower case.
func (f Fate) String() string { return nameOf(fateNames, uint64(f)) }

// Guarantees is a set of session guarantees (Terry et al. 1994).
type Guarantees uint8

// The guarantees.
const (
	ReadYourWrites    Guarantees = 1 << iota // a read shows what the session wrote
	MonotonicReads                           // a read shows what the session's reads showed
	WritesFollowReads                        // a write comes behind what the session has read
	MonotonicWrites                          // a write comes behind the session's own

	AllGuarantees = ReadYourWrites | MonotonicReads | WritesFollowReads | MonotonicWrites
)

var guaranteeNames = []string{"ryw", "mr", "wfr", "mw"}

// String lists the names, as ParseGuarantees reads them: "ryw,mr", or "none".
func (g Guarantees) String() string {
	var names []string
	for i, name := range guaranteeNames {
		if g&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

// ParseGuarantees is String backwards; the names may be in any order.
func ParseGuarantees(s string) (g Guarantees, err error) {
	if s == "none" {
		return 0, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		i := slices.Index(guaranteeNames, word)
		if i < 0 {
			return 0, fmt.Errorf("guarantee %q: want some of %s, separated by commas, or none", word, strings.Join(guaranteeNames, ", "))
		}
		g |= 1 << i
	}
	return g, nil
}

// Token returns the token with which a session begins that wants these guarantees only. One
// that begins without a token wants what the level of its requests promises.
func (g Guarantees) Token() []byte { return []byte{byte(g)} }

// Guarded does a write that knows how to fit in: see the operation [Guarded].
func (c *Client) Guarded(ctx context.Context, op Guarded) (Fate, error) {
	res, err := ask[GuardedResult](ctx, c, op)
	return res.Fate, err
}

// Inquire tells what a server knows of a write, by the version that the write returned.
func (c *Client) Inquire(ctx context.Context, write Version) (Standing, error) {
	return ask[Standing](ctx, c, Inquire{Write: write})
}

// Conflicts lists the writes that could not be done, after the one given; see the operation
// [Conflicts].
func (c *Client) Conflicts(ctx context.Context, after Version, limit int) (ConflictList, error) {
	return ask[ConflictList](ctx, c, Conflicts{After: after, Limit: limit})
}

// Probe tells how far other servers are from the one that answers.
func (c *Client) Probe(ctx context.Context) (Distances, error) {
	return ask[Distances](ctx, c, Probe{})
}

// checkTentative checks an operation of this file.
func checkTentative(op Op) *Response {
	switch op := op.(type) {
	case Guarded:
		return checkGuarded(op)
	case Conflicts:
		if op.Limit < 0 {
			return Refuse(Invalid, "limit of %d: want 0 or more", op.Limit)
		}
	case Inquire:
		if op.Write.IsZero() {
			return Refuse(Invalid, "inquiry after no write: want the version that a write returned")
		}
	}
	return nil
}

func checkGuarded(op Guarded) *Response {
	switch {
	case len(op.If) > MaxProgram || len(op.Else) > MaxProgram:
		return Refuse(TooLarge, "programs of %d and %d bytes: at most %d each", len(op.If), len(op.Else), MaxProgram)
	case len(op.Then) > MaxTxnOps:
		return Refuse(TooLarge, "%d operations in a guarded write: at most %d", len(op.Then), MaxTxnOps)
	case len(op.Then) == 0 && op.Else == "":
		return Refuse(Invalid, "a guarded write that does nothing: want an operation, or a procedure")
	}
	for _, step := range op.Then {
		if bad := checkGuardedStep(step); bad != nil {
			return bad
		}
	}
	if n := len(op.If) + len(op.Else) + txnSize(Txn{Then: op.Then}); n > MaxMessage {
		return Refuse(TooLarge, "guarded write of about %d bytes: at most %d", n, MaxMessage)
	}
	return nil
}

func checkGuardedStep(op Op) *Response {
	switch op := op.(type) {
	case Put:
		if op.Lease != 0 {
			return Refuse(Invalid, "a guarded write with a lease: want none")
		}
	case Delete:
	default:
		// As in checkStep, a pointer to an operation may be nil.
		return Refuse(Invalid, "operation %T in a guarded write: want put and delete only", op)
	}
	return checkStep(op)
}

// tentativeOpText prints an operation of this file for people.
func tentativeOpText(op Op) string {
	switch op := op.(type) {
	case Guarded:
		return fmt.Sprintf("guarded if %s then %s else %s", brief(op.If), listText(op.Then, opText), brief(op.Else))
	case Inquire:
		return fmt.Sprintf("inquire %v", op.Write)
	case Conflicts:
		return fmt.Sprintf("conflicts after %v", op.After)
	}
	return OpName(op)
}

// tentativeText prints a result of this file for people.
func tentativeText(r Result) string {
	switch r := r.(type) {
	case GuardedResult:
		return r.Fate.String()
	case Standing:
		return fmt.Sprintf("known=%v stable=%v commit %d", r.Known, r.Stable, r.Commit)
	case ConflictList:
		more := ""
		if r.More {
			more = " and more"
		}
		return listText(r.List, Conflicted.String) + more
	case Distances:
		return fmt.Sprintf("asked %d in %s %s", r.Asked, brief(r.Zone), listText(r.List, Distance.String))
	}
	return fmt.Sprintf("%T", r)
}

// String prints the conflict: "5.1 of a [put x=1]: taken", and whether it is stable.
func (c Conflicted) String() string {
	stable := ""
	if c.Stable {
		stable = " stable"
	}
	return fmt.Sprintf("%v%s of %s %s: %s", c.Write, stable, brief(c.Server), listText(c.Then, opText), c.Text)
}

// String prints the distance: "2 b:1 in west 3ms", and what else is known.
func (d Distance) String() string {
	text := fmt.Sprintf("%d %s in %s %v", d.ID, brief(d.Addr), brief(d.Zone), d.RTT)
	if !d.Up {
		text += " down"
	}
	if d.Chosen {
		text += " chosen"
	}
	return text
}
