package rsm

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/recording"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/roster"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Config says what a Replica is made of. Self, Language and Log are required.
type Config struct {
	Self     machine.Node
	Language *paxos.Language

	// Paxos is what the replica is told. Its Addr is where the others find this one, taken
	// from its own entry in Peers if empty. Join is set if Config.Join is not empty.
	Paxos paxos.Config

	// Log keeps what the replica saves. It belongs to the caller, who closes it after Stop.
	Log stable.Log

	// Network says how frames travel: TLS, Dial, bounds. Self, Addrs, Receive and Link are
	// set by Start. Bounds.Message is stable.MaxRecord by default, for a message is about as
	// large as the record of it.
	Network wire.PeerOptions

	// Join are the addresses of members, any of whom is asked who the group is. Empty: the
	// replica forms the group of Paxos.Peers, or is a member already.
	Join []string

	// Transfer is the language's word for proto.Transfer, with which Leave lets another
	// lead. nil: it has none, and Leave leaves the others to find out.
	Transfer func(to machine.Node) machine.Data

	// Fail is told once if the replica cannot go on. nil: nobody; Err tells too.
	Fail func(error)

	Clock          run.Clock           // nil: the machine's
	Rand           func() uint64       // nil: math/rand/v2
	Record         *recording.Recorder // nil: nothing is recorded
	Queue, Waiting int                 // as run.Config's
	Logger         *slog.Logger        // nil discards
}

// Bounds of a Replica that no Config changes.
const (
	callEvery = machine.Second      // between two calls of a newcomer
	joinTime  = 30 * machine.Second // for which a newcomer seeks a member that answers
	patience  = machine.Second      // for which a replica that does not vote says nothing
)

// Errors of a Replica.
var (
	// ErrConfig tells that a Config cannot be used.
	ErrConfig = errors.New("rsm: bad configuration")
	// ErrNoMember tells that a replica which wants to join has found no member.
	ErrNoMember = errors.New("no member of a group answers")
	// ErrRemoved tells that the group goes on without this replica: it was removed, or
	// another disk has taken its place.
	ErrRemoved = errors.New("the group has removed this replica")
	// ErrNoVote tells that a replica has no vote, or none yet.
	ErrNoVote = errors.New("this replica does not vote")

	// ErrNoGroup tells a newcomer that the replica which it has asked has no group itself.
	ErrNoGroup = errors.New("no group yet")
	// ErrTaken tells a newcomer that a member of its number is elsewhere.
	ErrTaken = roster.ErrTaken
	// ErrGuests tells a newcomer that there are too many already.
	ErrGuests = roster.ErrGuests
)

// withDefaults returns c with what may be left out, or why it cannot be used.
func (c Config) withDefaults() (Config, error) {
	if c.Self == 0 || c.Language == nil || c.Log == nil {
		return c, fmt.Errorf("%w: want Self, Language and Log", ErrConfig)
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Network.Self = c.Self
	c.Network.Addrs = nil
	c.Network.Message = cmp.Or(c.Network.Message, stable.MaxRecord)
	c.Network.Log = cmp.Or(c.Network.Log, c.Logger)
	if c.Clock == nil {
		c.Clock = run.NewReal()
	}
	if c.Fail == nil {
		c.Fail = func(error) {}
	}
	own := slices.IndexFunc(c.Paxos.Peers, func(m proto.Member) bool { return m.Node == c.Self })
	if c.Paxos.Addr == "" && own >= 0 {
		c.Paxos.Addr = c.Paxos.Peers[own].Addr
	}
	if len(c.Join) > 0 && c.Paxos.Addr == "" {
		return c, fmt.Errorf("%w: one who joins needs an address", ErrConfig)
	}
	return c, nil
}
