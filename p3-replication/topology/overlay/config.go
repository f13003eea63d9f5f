package overlay

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Config is what a server of an overlay is told. Zero fields are completed.
type Config struct {
	Probe   string       // the role of the probe at this node; default "probe"
	Deliver string       // the role at this node that is sent each new proto.Item; empty: none
	Every   machine.Time // between two Hellos, 1 ms to 1 h; default 200 ms
	Drift   int          // percent by which a round-trip time may differ from what the row says, 1 to 1000; default 25
	Keep    int          // items that are kept, 1 to proto.MaxKeep; default 256
	Lazy    bool         // what the tree has lost is asked for
}

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("overlay: bad configuration")

func (c Config) complete() Config {
	set(&c.Probe, "probe")
	set(&c.Every, 200*machine.Millisecond)
	set(&c.Drift, 25)
	set(&c.Keep, 256)
	return c
}

func set[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// check tells what is wrong with a completed Config.
func (c *Config) check() error {
	switch {
	case c.Every < machine.Millisecond || c.Every > 3600*machine.Second:
		return fmt.Errorf("%w: hellos %d ns apart: want 1 ms to 1 h", ErrConfig, c.Every)
	case c.Drift < 1 || c.Drift > 1000:
		return fmt.Errorf("%w: a drift of %d percent: want 1 to 1000", ErrConfig, c.Drift)
	case c.Keep < 1 || c.Keep > proto.MaxKeep:
		return fmt.Errorf("%w: %d items kept: want 1 to %d", ErrConfig, c.Keep, proto.MaxKeep)
	}
	return nil
}

// AppendTo appends the encoding that Protocol's New takes.
func (c Config) AppendTo(b []byte) []byte {
	b = cbor.AppendBool(cbor.AppendKey(cbor.AppendKey(b, c.Probe), c.Deliver), c.Lazy)
	for _, n := range []int64{int64(c.Every), int64(c.Drift), int64(c.Keep)} {
		b = cbor.AppendInt(b, n)
	}
	return b
}

// DecodeConfig is AppendTo backwards. Its errors wrap cbor.ErrMalformed.
func DecodeConfig(b []byte) (Config, error) {
	r := cbor.NewReader(b)
	c := Config{Probe: r.Key(), Deliver: r.Key(), Lazy: r.Bool()}
	c.Every, c.Drift, c.Keep = machine.Time(r.Int()), int(r.Int()), int(r.Int())
	if err := r.Close(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Protocol returns what a world must know of a server. Its configuration is an encoded Config, and
// its messages go to others under the role that it has itself.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "overlay", Message: proto.DecodeOverlay, Command: proto.DecodeCommand, Answer: proto.DecodeAnswer,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			return New(self, c)
		},
	}
}
