package bayou

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
)

// Config is what one server is told.
type Config struct {
	Peers []Peer // the other servers that it may ask at first, in order of nodes
	Found bool   // make the database if no peer has one: this server is the first primary then
	Addr  string // of this server, for clients and peers
	Zone  string // where it is

	// Programs makes what runs the programs of writes. All servers' are alike.
	Programs func() state.Programs

	// Order is who gives commit numbers instead of a primary, at this node: it is sent
	// proto.Propose and answers with proto.Ordered. Empty: a primary gives them.
	//
	// Whoever it is keeps each server's own order: of two writes of a server, the one with the
	// lower stamp has the lower number. A Propose holds tentative writes in the order of their
	// stamps, the first ones first, so who gives numbers to what is proposed, in the order in
	// which it is, keeps it: also of what several servers propose, for each lists all that it
	// knows of a server before what comes later. On it rest the vectors of what is committed,
	// and with them transfers of the state and what is said to be stable.
	Order string

	// Partner chooses whom to tell of news when nothing has happened for a while; rand is 64
	// random bits. nil: any peer, each as likely.
	Partner func(rand uint64, peers []machine.Node) machine.Node

	Tick     machine.Time // between two looks at what is due; default 50 ms
	Interval machine.Time // between two anti-entropy sessions that nothing has caused; default 500 ms
	Eager    int          // peers that are told of news at once; default 3, negative: none
	Patience machine.Time // how long a session waits for what it has seen elsewhere; default 500 ms, negative: it does not
	Founding machine.Time // how long silent peers are waited for before Found; default 2 s

	Tentative int // writes that are tentative at a time, of which more are refused; default 100,000
	Bytes     int // of all writes that are kept, likewise; default 256 MiB
	Retain    int // committed writes that are kept for those who lag; default 10,000
	Keep      int // bytes of records after which the committed state is saved; default 16 MiB
	Batch     int // bytes of writes in a message; default 256 KiB
	Waiting   int // requests that wait at a time; default 4,096
	State     int // bytes of a committed state that is taken from another server; default 1 GiB
}

// Peer is another server, as a Config names it.
type Peer struct {
	Node machine.Node
	Addr string
}

// MaxServers bounds the servers of a database. Names of up to six levels all fit into a session's
// token; with longer ones there may be fewer.
const MaxServers = 32

// maxWait bounds the times of a Config, so that no deadline runs over.
const maxWait = 1000 * 3600 * machine.Second

// errConfig is a Config that cannot be.
var errConfig = errors.New("a configuration that cannot be")

func (c Config) withDefaults() Config {
	set(&c.Tick, 50*machine.Millisecond)
	set(&c.Interval, 500*machine.Millisecond)
	set(&c.Eager, 3)
	set(&c.Patience, 500*machine.Millisecond)
	set(&c.Founding, 2*machine.Second)
	set(&c.Tentative, 100_000)
	set(&c.Bytes, 256<<20)
	set(&c.Retain, 10_000)
	set(&c.Keep, 16<<20)
	set(&c.Batch, 256<<10)
	set(&c.Waiting, 4096)
	set(&c.State, 1<<30)
	return c
}

func set[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

func (c *Config) check(self machine.Addr) error {
	if self.Node == 0 || c.Programs == nil {
		return fmt.Errorf("%w: no node, or no programs", errConfig)
	}
	for i, p := range c.Peers {
		if p.Node == 0 || p.Node == self.Node || i > 0 && c.Peers[i-1].Node >= p.Node {
			return fmt.Errorf("%w: peer %d of node %d: want others, in order of nodes", errConfig, p.Node, self.Node)
		}
	}
	for _, t := range c.times() {
		if *t > maxWait || *t < 0 && t != &c.Patience {
			return fmt.Errorf("%w: a time of %d ns: want 0 to %d", errConfig, *t, maxWait)
		}
	}
	for _, n := range c.sizes() {
		if *n < 0 && n != &c.Eager {
			return fmt.Errorf("%w: a size of %d: want 0 or more", errConfig, *n)
		}
	}
	if len(c.Addr) > proto.MaxAddr || len(c.Zone) > proto.MaxAddr {
		return fmt.Errorf("%w: an address of %d bytes and a zone of %d: at most %d", errConfig, len(c.Addr), len(c.Zone), proto.MaxAddr)
	}
	return nil
}

// AppendTo appends the encoding of what a Config says, but for its functions.
func (c Config) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(c.Peers))
	for _, p := range c.Peers {
		b = cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(b, 2), uint64(p.Node)), p.Addr)
	}
	b = cbor.AppendKey(cbor.AppendKey(cbor.AppendKey(cbor.AppendBool(b, c.Found), c.Addr), c.Zone), c.Order)
	for _, t := range c.times() {
		b = cbor.AppendInt(b, int64(*t))
	}
	for _, n := range c.sizes() {
		b = cbor.AppendInt(b, int64(*n))
	}
	return b
}

// decode reads what AppendTo wrote.
func (c *Config) decode(b []byte) error {
	r := cbor.NewReader(b)
	c.Peers = nil
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(2)
		c.Peers = append(c.Peers, Peer{Node: machine.Node(r.Uint()), Addr: r.Key()})
	}
	c.Found, c.Addr, c.Zone, c.Order = r.Bool(), r.Key(), r.Key(), r.Key()
	for _, t := range c.times() {
		*t = machine.Time(r.Int())
	}
	for _, n := range c.sizes() {
		*n = int(r.Int())
	}
	return r.Close()
}

func (c *Config) times() []*machine.Time {
	return []*machine.Time{&c.Tick, &c.Interval, &c.Patience, &c.Founding}
}

func (c *Config) sizes() []*int {
	return []*int{&c.Eager, &c.Tentative, &c.Bytes, &c.Retain, &c.Keep, &c.Batch, &c.Waiting, &c.State}
}
