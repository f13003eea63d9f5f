package probe

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Config is what a probe is told. Zero fields are completed.
type Config struct {
	Addr  string        // of this server, told to others
	Zone  string        // where it is, likewise
	Peers []proto.Place // known from the beginning, in order of nodes; zones may be empty
	Tell  string        // the role at this node that is sent a Sight in every round; empty: none

	Every  machine.Time // between two rounds, 1 ms to 1 h; default 500 ms
	Misses int          // pings in a row without an answer that make a server down; default 3
	Margin int          // percent by which a nearer server must be nearer, 0 to 99; default 20, negative: 0
	Rounds int          // for how many rounds; default 4
	Forget machine.Time // how long a server that was only heard of may be silent; default 5 min
}

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("probe: bad configuration")

const (
	maxRounds = 1000
	hour      = 3600 * machine.Second
)

func (c Config) complete() Config {
	set(&c.Every, 500*machine.Millisecond)
	set(&c.Misses, 3)
	set(&c.Margin, 20)
	set(&c.Rounds, 4)
	set(&c.Forget, 300*machine.Second)
	c.Margin = max(0, c.Margin)
	return c
}

func set[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// check tells what is wrong with a completed Config.
func (c *Config) check(self machine.Node) error {
	switch {
	case len(c.Peers) >= proto.MaxPlaces:
		return fmt.Errorf("%w: %d peers: at most %d", ErrConfig, len(c.Peers), proto.MaxPlaces-1)
	case len(c.Addr) > proto.MaxName || len(c.Zone) > proto.MaxName:
		return fmt.Errorf("%w: an address of %d bytes and a zone of %d: at most %d", ErrConfig, len(c.Addr), len(c.Zone), proto.MaxName)
	case c.Every < machine.Millisecond || c.Every > hour:
		return fmt.Errorf("%w: rounds %d ns apart: want 1 ms to 1 h", ErrConfig, c.Every)
	case c.Misses < 1 || c.Misses > maxRounds || c.Rounds < 1 || c.Rounds > maxRounds:
		return fmt.Errorf("%w: %d misses, %d rounds: want 1 to %d", ErrConfig, c.Misses, c.Rounds, maxRounds)
	case c.Margin > 99:
		return fmt.Errorf("%w: a margin of %d percent: want 0 to 99", ErrConfig, c.Margin)
	case c.Forget < c.Every:
		return fmt.Errorf("%w: forgetting after %d ns: want no less than a round of %d", ErrConfig, c.Forget, c.Every)
	}
	for i, p := range c.Peers {
		if p.Node == 0 || p.Node == self || i > 0 && p.Node <= c.Peers[i-1].Node {
			return fmt.Errorf("%w: peer %d of node %d: want others, from 1 on, in order", ErrConfig, p.Node, self)
		}
		if len(p.Addr) > proto.MaxName || len(p.Zone) > proto.MaxName {
			return fmt.Errorf("%w: a name of peer %d is longer than %d bytes", ErrConfig, p.Node, proto.MaxName)
		}
	}
	return nil
}

// AppendTo appends the encoding that Protocol's New takes.
func (c Config) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(c.Peers))
	for _, p := range c.Peers {
		b = cbor.AppendUint(cbor.AppendArray(b, 3), uint64(p.Node))
		b = cbor.AppendKey(cbor.AppendKey(b, p.Addr), p.Zone)
	}
	b = cbor.AppendKey(cbor.AppendKey(cbor.AppendKey(b, c.Addr), c.Zone), c.Tell)
	for _, n := range []int64{int64(c.Every), int64(c.Misses), int64(c.Margin), int64(c.Rounds), int64(c.Forget)} {
		b = cbor.AppendInt(b, n)
	}
	return b
}

// DecodeConfig is AppendTo backwards. Its errors wrap cbor.ErrMalformed.
func DecodeConfig(b []byte) (Config, error) {
	r := cbor.NewReader(b)
	var c Config
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(3)
		c.Peers = append(c.Peers, proto.Place{Node: machine.Node(r.Uint()), Addr: r.Key(), Zone: r.Key()})
	}
	c.Addr, c.Zone, c.Tell = r.Key(), r.Key(), r.Key()
	c.Every, c.Misses, c.Margin = machine.Time(r.Int()), int(r.Int()), int(r.Int())
	c.Rounds, c.Forget = int(r.Int()), machine.Time(r.Int())
	if err := r.Close(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Protocol returns what a world must know of a probe. Its configuration is an encoded Config.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "probe", Message: proto.DecodeProbe, Command: proto.DecodeCommand, Answer: proto.DecodeAnswer,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			return New(self, c)
		},
	}
}
