package session

import (
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Mode is what a write may come to when messages are lost.
type Mode uint8

// The modes. The package comment tells them apart.
const (
	ExactlyOnce Mode = iota
	AtMostOnce
	AtLeastOnce
)

// Server is one that may be asked.
type Server struct {
	Addr machine.Addr
	Name string // as kv.Response.Try names it; empty if never
}

// Config tells whom to ask and how patiently. A zero field means the default.
type Config struct {
	Servers  []Server     // at least one, at most 64; the first is asked first
	Mode     Mode         //
	Timeout  machine.Time // of an operation, beside its Wait; default 10 s
	Attempt  machine.Time // of one attempt, beside its Wait; default 1 s
	Backoff  machine.Time // before the first retry at most; each later one doubles it; default 50 ms
	MaxDelay machine.Time // before any retry; default 2 s
	Retries  int          // retries for each 100 operations, in the long run; default 20
	Burst    int          // retries beyond that, once; default 100
	TTL      machine.Time // of the session; default 60 s
	InFlight int          // see Bounds; default and maximum kv.MaxInFlight
	Queue    int          // Asks that wait to be sent; default 4,096
}

// ErrConfig is what every refusal of a configuration wraps.
var ErrConfig = errors.New("session: bad configuration")

const maxServers = 64

// withDefaults returns c with zero fields replaced, or why it cannot be used.
func (c Config) withDefaults() (Config, error) {
	if n := len(c.Servers); n == 0 || n > maxServers {
		return c, fmt.Errorf("%w: %d servers: want 1 to %d", ErrConfig, n, maxServers)
	}
	if c.Mode > AtLeastOnce {
		return c, fmt.Errorf("%w: mode %d: want 0 to %d", ErrConfig, c.Mode, AtLeastOnce)
	}
	for _, f := range c.spans() {
		if err := settle(f); err != nil {
			return c, err
		}
	}
	for _, f := range c.counts() {
		if err := settle(f); err != nil {
			return c, err
		}
	}
	return c, nil
}

// field is a number of a Config with its default and its maximum.
type field[T ~int | ~int64] struct {
	name           string
	at             *T
	standard, most T
}

func settle[T ~int | ~int64](f field[T]) error {
	if *f.at == 0 {
		*f.at = f.standard
	}
	if *f.at < 0 || *f.at > f.most {
		return fmt.Errorf("%w: %s of %d: want 1 to %d", ErrConfig, f.name, *f.at, f.most)
	}
	return nil
}

func (c *Config) spans() []field[machine.Time] {
	const hour = 3600 * machine.Second
	return []field[machine.Time]{
		{"timeout", &c.Timeout, 10 * machine.Second, hour},
		{"attempt", &c.Attempt, machine.Second, hour},
		{"backoff", &c.Backoff, 50 * machine.Millisecond, hour},
		{"longest delay", &c.MaxDelay, 2 * machine.Second, hour},
		{"time to live", &c.TTL, 60 * machine.Second, machine.Time(kv.MaxTTL)},
	}
}

func (c *Config) counts() []field[int] {
	return []field[int]{
		{"retries in 100", &c.Retries, 20, 10_000},
		{"burst", &c.Burst, 100, 1 << 20},
		{"window", &c.InFlight, kv.MaxInFlight, kv.MaxInFlight},
		{"queue", &c.Queue, 4096, 1 << 20},
	}
}

// AppendTo appends the canonical encoding of c: an array of the fields in order,
// where a server is [node, role, name].
func (c Config) AppendTo(b []byte) []byte {
	spans, counts := c.spans(), c.counts()
	b = cbor.AppendArray(b, 2+len(spans)+len(counts))
	b = cbor.AppendArray(b, len(c.Servers))
	for _, s := range c.Servers {
		b = cbor.AppendUint(cbor.AppendArray(b, 3), uint64(s.Addr.Node))
		b = cbor.AppendText(cbor.AppendText(b, s.Addr.Role), s.Name)
	}
	b = cbor.AppendUint(b, uint64(c.Mode))
	for _, f := range spans {
		b = cbor.AppendInt(b, int64(*f.at))
	}
	for _, f := range counts {
		b = cbor.AppendInt(b, int64(*f.at))
	}
	return b
}

// DecodeConfig is AppendTo backwards. What it refuses wraps [cbor.ErrMalformed];
// whether the numbers make sense is for NewMachine to say.
func DecodeConfig(b []byte) (Config, error) {
	var c Config
	spans, counts := c.spans(), c.counts()
	r := cbor.NewReader(b)
	r.Fixed(2 + len(spans) + len(counts))
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.Fixed(3)
		addr := machine.Addr{Node: machine.Node(r.Uint()), Role: r.Text()}
		c.Servers = append(c.Servers, Server{Addr: addr, Name: r.Text()})
	}
	mode := r.Uint()
	if c.Mode = Mode(mode); uint64(c.Mode) != mode {
		r.Fail("mode %d", mode)
	}
	for _, f := range spans {
		*f.at = machine.Time(r.Int())
	}
	for _, f := range counts {
		*f.at = int(r.Int())
	}
	if err := r.Close(); err != nil {
		return Config{}, fmt.Errorf("session: config: %w", err)
	}
	return c, nil
}
