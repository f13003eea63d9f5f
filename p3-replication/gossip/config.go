package gossip

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// Way is who tells whom in a conversation, seen from who begins it.
type Way uint8

// The ways. None does without.
const (
	None     Way = 0
	Push     Way = 1
	Pull     Way = 2
	PushPull     = Push | Pull
)

// Fade is how a site loses interest in a rumour (E87 1.4).
type Fade struct {
	Blind bool // whether or not somebody needed it, which nobody is asked
	Coin  bool // by chance; else by a counter
	K     int  // the counter's end, or 1/K the chance; 1 to MaxK
}

// Compare is how two sites find out that they have the same, so that the rest of an exchange
// can be left out (E87 1.3).
type Compare uint8

// The ways to compare.
const (
	Whole    Compare = iota // not at all: all items are gone through each time
	Checksum                // by their checksums, first: all or nothing
	Recent                  // as Checksum, but those Config.Recent last written first, and again by checksum then
	Peel                    // by their checksums before each page of items, newest first
)

// Config is what a site is told. The sites of a network may differ in it.
type Config struct {
	Peers   []machine.Node // at most MaxPeers, in order, none twice; a site's own number is passed over
	Weights []uint32       // how often each peer is chosen against others, at most MaxWeight; nil: all alike

	Mail    bool    // new writes are mailed to all peers
	Rumours Way     // how rumours are told in each period
	Fade    Fade    // when they end, if they are told
	Entropy Way     // which way items go in an exchange
	Every   int     // an exchange begins every so many periods, 1 to MaxEvery; 0 is 1
	Compare Compare // how an exchange ends early
	Recent  int     // items that Compare Recent goes through first, 1 to MaxRecent; 0 is 64

	Period machine.Time // a period's length, 1 us to 1 h; 0 is 100 ms
	Page   int          // items in a message, 1 to MaxPage; 0 is 32
	Limit  int          // conversations of others that a site takes in a period; 0: all
	Hunt   int          // peers that are tried instead of one that is Busy, 0 to MaxHunt

	Retain  machine.Time // how long a death certificate is active; 0 is 1 h
	Dormant machine.Time // how much longer its Keepers have it
	Keepers int          // how many, 0 to MaxKeepers
}

// Bounds of a Config.
const (
	MaxPeers  = 4 << 10
	MaxWeight = 1 << 30
	MaxK      = 1000
	MaxEvery  = 1000
	MaxRecent = 4 << 10
	MaxPage   = 256
	MaxHunt   = 64

	maxTime = 1 << 60
)

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("gossip: bad configuration")

// Check tells what is wrong with c.
func (c *Config) Check() error {
	if err := c.checkPeers(); err != nil {
		return err
	}
	for _, n := range []struct {
		name      string
		got, most int
	}{
		{"fade's K", c.Fade.K, MaxK},
		{"every", c.Every, MaxEvery},
		{"recent", c.Recent, MaxRecent},
		{"page", c.Page, MaxPage},
		{"limit", c.Limit, MaxPeers},
		{"hunt", c.Hunt, MaxHunt},
		{"keepers", c.Keepers, MaxKeepers},
	} {
		if n.got < 0 || n.got > n.most {
			return fmt.Errorf("%w: %s of %d: want 0 to %d", ErrConfig, n.name, n.got, n.most)
		}
	}
	switch {
	case c.Rumours > PushPull || c.Entropy > PushPull || c.Compare > Peel:
		return fmt.Errorf("%w: way %d, way %d or compare %d is none", ErrConfig, c.Rumours, c.Entropy, c.Compare)
	case c.Rumours != None && c.Fade.K == 0:
		return fmt.Errorf("%w: rumours that never fade: want a K of 1 to %d", ErrConfig, MaxK)
	case c.Period != 0 && (c.Period < machine.Microsecond || c.Period > 3600*machine.Second):
		return fmt.Errorf("%w: period of %d ns: want 1 us to 1 h", ErrConfig, c.Period)
	case c.Retain < 0 || c.Retain > maxTime || c.Dormant < 0 || c.Dormant > maxTime:
		return fmt.Errorf("%w: certificates kept %d and %d ns: want 0 to %d", ErrConfig, c.Retain, c.Dormant, int64(maxTime))
	}
	return nil
}

func (c *Config) checkPeers() error {
	switch {
	case len(c.Peers) > MaxPeers:
		return fmt.Errorf("%w: %d peers: at most %d", ErrConfig, len(c.Peers), MaxPeers)
	case len(c.Weights) != 0 && len(c.Weights) != len(c.Peers):
		return fmt.Errorf("%w: %d weights of %d peers", ErrConfig, len(c.Weights), len(c.Peers))
	}
	for i, n := range c.Peers {
		if n == 0 || i > 0 && n <= c.Peers[i-1] {
			return fmt.Errorf("%w: peer %d: want numbers from 1 on, in order, none twice", ErrConfig, n)
		}
	}
	for i, w := range c.Weights {
		if w > MaxWeight {
			return fmt.Errorf("%w: weight %d of peer %d: at most %d", ErrConfig, w, c.Peers[i], MaxWeight)
		}
	}
	return nil
}

// complete puts defaults in the place of zeros.
func (c Config) complete() Config {
	for _, f := range []struct {
		field  *int
		preset int
	}{{&c.Every, 1}, {&c.Recent, 64}, {&c.Page, 32}} {
		if *f.field == 0 {
			*f.field = f.preset
		}
	}
	if c.Period == 0 {
		c.Period = 100 * machine.Millisecond
	}
	if c.Retain == 0 {
		c.Retain = 3600 * machine.Second
	}
	return c
}

// AppendTo appends the encoding that Protocol's New takes.
func (c Config) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(c.Peers))
	for _, n := range c.Peers {
		b = cbor.AppendUint(b, uint64(n))
	}
	b = cbor.AppendArray(b, len(c.Weights))
	for _, w := range c.Weights {
		b = cbor.AppendUint(b, uint64(w))
	}
	for _, on := range []bool{c.Mail, c.Fade.Blind, c.Fade.Coin} {
		b = cbor.AppendBool(b, on)
	}
	for _, n := range []int{
		int(c.Rumours), int(c.Entropy), int(c.Compare), c.Fade.K, c.Every, c.Recent, int(c.Period),
		c.Page, c.Limit, c.Hunt, int(c.Retain), int(c.Dormant), c.Keepers,
	} {
		b = cbor.AppendInt(b, int64(n))
	}
	return b
}

// DecodeConfig is AppendTo backwards. The Config is checked. Errors wrap ErrConfig or
// cbor.ErrMalformed.
func DecodeConfig(b []byte) (Config, error) {
	r := reader{cbor.NewReader(b)}
	c := Config{Peers: list(&r, MaxPeers, r.node), Weights: list(&r, MaxPeers, r.weight)}
	c.Mail, c.Fade.Blind, c.Fade.Coin = r.Bool(), r.Bool(), r.Bool()
	c.Rumours, c.Entropy, c.Compare = Way(r.small()), Way(r.small()), Compare(r.small())
	c.Fade.K, c.Every, c.Recent = r.number(), r.number(), r.number()
	c.Period, c.Page, c.Limit, c.Hunt = r.span(), r.number(), r.number(), r.number()
	c.Retain, c.Dormant, c.Keepers = r.span(), r.span(), r.number()
	if err := r.Close(); err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

// Protocol returns what a world must know of a site. Its configuration is an encoded Config, and its
// messages go to peers under the role that it has itself.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "gossip", Message: DecodeMessage, Record: DecodeRecord, Command: DecodeCommand, Answer: DecodeAnswer,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			return New(self, c)
		},
	}
}
