package table

import (
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/kv"
)

// Config bounds a Table and a Machine. A zero field means the default. All replicas
// of one state must have the same.
type Config struct {
	FirstID       uint64 // sessions and leases are numbered upwards from it; default 1, and random in a Machine
	Bytes         uint64 // of all keys and values; default 1 GiB
	Sessions      int    // open at one time; default 10,000
	Leases        int    // at one time; default 10,000
	LeaseKeys     int    // keys under one lease; default 1,000
	HistoryEvents int    // changes that are remembered; default 8,192
	HistoryBytes  int    // of keys and values in them; default 32 MiB
	Answers       int    // remembered in one session; default kv.MaxInFlight
	AnswerBytes   int    // of remembered answers in one session; default 8 MiB
	AllAnswers    int    // bytes of remembered answers in all sessions; default 256 MiB
	Parked        int    // long polls that wait at one time in a Machine; default 4,096
}

// withDefaults returns c with zero and negative fields replaced.
func (c Config) withDefaults() Config {
	if c.FirstID == 0 {
		c.FirstID = 1
	}
	if c.Bytes == 0 {
		c.Bytes = 1 << 30
	}
	for _, f := range c.bounds() {
		if *f.field <= 0 {
			*f.field = f.standard
		}
	}
	return c
}

type bound struct {
	field    *int
	standard int
}

func (c *Config) bounds() []bound {
	return []bound{
		{&c.Sessions, 10_000},
		{&c.Leases, 10_000},
		{&c.LeaseKeys, kv.MaxEvents},
		{&c.HistoryEvents, 8192},
		{&c.HistoryBytes, 32 << 20},
		{&c.Answers, kv.MaxInFlight},
		{&c.AnswerBytes, 8 << 20},
		{&c.AllAnswers, 256 << 20},
		{&c.Parked, 4096},
	}
}

// AppendTo appends the canonical encoding of c: an array of the fields in order.
func (c Config) AppendTo(b []byte) []byte {
	fields := c.bounds()
	b = cbor.AppendArray(b, 2+len(fields))
	b = cbor.AppendUint(cbor.AppendUint(b, c.FirstID), c.Bytes)
	for _, f := range fields {
		b = cbor.AppendInt(b, int64(*f.field))
	}
	return b
}

// DecodeConfig is AppendTo backwards; no bytes at all mean the defaults. What it
// refuses wraps [cbor.ErrMalformed].
func DecodeConfig(b []byte) (c Config, err error) {
	if len(b) == 0 {
		return Config{}, nil
	}
	r := cbor.NewReader(b)
	fields := c.bounds()
	r.Fixed(2 + len(fields))
	c.FirstID, c.Bytes = r.Uint(), r.Uint()
	for _, f := range fields {
		*f.field = int(r.Int())
	}
	if err := r.Close(); err != nil {
		return Config{}, fmt.Errorf("table: config: %w", err)
	}
	return c, nil
}
