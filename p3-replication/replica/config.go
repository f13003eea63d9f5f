package replica

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/recording"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/roster"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/topology"
)

// Config says what a Replica is made of. Self, Log, Bayou.Addr and Bayou.Programs are required.
type Config struct {
	Self machine.Node

	// Bayou is what the server is told. Its Peers are those of the first ones, without Self, in
	// order of nodes; those that Join tells of are added. Its Partner is set by Start.
	Bayou bayou.Config

	// Near tells how much rather near servers are sought out than far ones when there is no
	// news, by the round-trip times that are measured here. Zero: all alike.
	Near topology.Spatial
	// Probing is the time between two rounds of pings, 1 ms to 1 h; 0: that of probe.Config.
	Probing machine.Time

	// Log keeps what the replica saves. It belongs to the caller, who closes it after Stop.
	Log stable.Log

	// Network says how frames travel: TLS, Dial, bounds. Self, Addrs, Receive and Link are
	// set by Start. Bounds.Message is stable.MaxRecord by default, for a message is about as
	// large as the record of it.
	Network wire.PeerOptions

	// Join are the addresses of replicas, any of which is asked who is there: see Start.
	Join []string

	// Fail is told if the replica cannot go on, or need not: ErrRetired. It must not wait. nil:
	// nobody.
	Fail func(error)

	Clock          run.Clock           // nil: the machine's
	Rand           func() uint64       // nil: math/rand/v2
	Record         *recording.Recorder // nil: nothing is recorded
	Queue, Waiting int                 // as run.Config's
	Logger         *slog.Logger        // nil discards
}

// Bounds of a Replica that no Config changes.
const (
	callEvery = machine.Second      // between two rounds of calls; one call takes no longer either
	joinTime  = 30 * machine.Second // for which one who joins seeks a replica that answers
	quiet     = 10 * machine.Second // for which no other fact of a kind is logged
)

// Errors of a Replica.
var (
	// ErrConfig tells that a Config cannot be used.
	ErrConfig = errors.New("replica: bad configuration")
	// ErrNobody tells that none of Config.Join answers.
	ErrNobody = errors.New("no replica answers")
	// ErrNoName tells that a replica has no name yet, without which it takes no requests.
	ErrNoName = errors.New("this replica has no name yet")
	// ErrStage tells that a server is none of this stage.
	ErrStage = errors.New("not a server of stage 3")
	// ErrRetired tells that a replica has retired: it takes no more writes.
	ErrRetired = errors.New("this replica has retired")

	// ErrNoDatabase tells a newcomer that the replica which it has asked has no name either.
	ErrNoDatabase = errors.New("no database yet")
	// ErrTaken tells a newcomer that a server of its number is elsewhere.
	ErrTaken = roster.ErrTaken
	// ErrGuests tells a newcomer that there are too many already.
	ErrGuests = roster.ErrGuests
)

// The machines of a node, in their addresses: the server, and what measures how far the others
// are. The first is kvd's name for what serves, as in other stages.
const (
	role        = "kv"
	probingRole = "probe"
)

func (c *Config) address() machine.Addr { return machine.Addr{Node: c.Self, Role: role} }

// withDefaults returns c with what may be left out, or why it cannot be used.
func (c Config) withDefaults() (Config, error) {
	if c.Self == 0 || c.Log == nil || c.Bayou.Addr == "" || c.Bayou.Programs == nil {
		return c, fmt.Errorf("%w: want Self, Log, Bayou.Addr and Bayou.Programs", ErrConfig)
	}
	if err := c.Near.Check(); err != nil {
		return c, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Network.Self = c.Self
	c.Network.Message = cmp.Or(c.Network.Message, stable.MaxRecord)
	c.Network.Log = cmp.Or(c.Network.Log, c.Logger)
	if c.Clock == nil {
		c.Clock = run.NewReal()
	}
	if c.Fail == nil {
		c.Fail = func(error) {}
	}
	return c, nil
}
