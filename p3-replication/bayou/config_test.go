package bayou_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
)

// configured are the bytes of a Config and what makes servers of them.
func configured() (*machine.Protocol, bayou.Config) {
	c := settings(1, 3)
	c.Order = "log"
	return protocol(), c
}

func TestAProtocolMakesServersOfAnEncodedConfig(t *testing.T) {
	p, c := configured()
	b := c.AppendTo(nil)
	_, err := p.New(at(1), b)
	require.NoError(t, err)
	for n := range b {
		_, err := p.New(at(1), b[:n])
		require.ErrorContains(t, err, "a configuration that cannot be", "cut at %d of %d", n, len(b))
	}
	_, err = p.New(at(1), append(b, 0))
	require.Error(t, err)
}

func TestAServerOfAnEncodedConfigDoesAsTheConfigSays(t *testing.T) {
	_, c := configured()
	c.Peers = nil
	m, err := protocol().New(at(1), c.AppendTo(nil))
	require.NoError(t, err)
	var out machine.Out
	m.Step(machine.In{Now: second, Event: machine.Ready{Fresh: true}}, &out)
	named := of[proto.Named](out.Save)
	require.Len(t, named, 1)
	require.Equal(t, c.Addr, named[0].Place.Addr)
	require.Equal(t, c.Zone, named[0].Place.Zone)
	require.Contains(t, out.Send, machine.Envelope{To: at(1), After: c.Tick, Msg: proto.Tick{}})
	out = machine.Out{}
	m.Step(machine.In{Now: second, Event: machine.Recv{From: at(1), Msg: proto.Flush{}}}, &out)
	require.Contains(t, out.Send, machine.Envelope{
		To: machine.Addr{Node: 1, Role: "log"}, Msg: proto.Propose{From: 1, IDs: births(1)},
	}, "it has founded, and asks for numbers there")
}

func TestAServerThatCannotBeIsRefused(t *testing.T) {
	for what, alter := range map[string]func(*bayou.Config){
		"no programs":              func(c *bayou.Config) { c.Programs = nil },
		"itself as a peer":         func(c *bayou.Config) { c.Peers[0].Node = 1 },
		"peers out of order":       func(c *bayou.Config) { c.Peers[0], c.Peers[1] = c.Peers[1], c.Peers[0] },
		"a peer twice":             func(c *bayou.Config) { c.Peers[1] = c.Peers[0] },
		"a peer without a node":    func(c *bayou.Config) { c.Peers[0].Node = 0 },
		"an address of 257 bytes":  func(c *bayou.Config) { c.Addr = string(make([]byte, 257)) },
		"a zone of 257 bytes":      func(c *bayou.Config) { c.Zone = string(make([]byte, 257)) },
		"a tick before now":        func(c *bayou.Config) { c.Tick = -1 },
		"a tick of 300 years":      func(c *bayou.Config) { c.Tick = math.MaxInt64 },
		"an interval before now":   func(c *bayou.Config) { c.Interval = -1 },
		"batches that hold naught": func(c *bayou.Config) { c.Batch = -1 },
		"fewer than no writes":     func(c *bayou.Config) { c.Tentative = -1 },
	} {
		c := settings(1, 3)
		c.Programs = newTiny
		_, err := bayou.New(at(1), c)
		require.NoError(t, err)
		alter(&c)
		_, err = bayou.New(at(1), c)
		require.ErrorContains(t, err, "a configuration that cannot be", what)
	}
	_, err := bayou.New(machine.Addr{Role: role}, bayou.Config{Programs: newTiny})
	require.ErrorContains(t, err, "no node")
}

func FuzzConfig(f *testing.F) {
	_, c := configured()
	f.Add(c.AppendTo(nil))
	f.Add(bayou.Config{}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := protocol().New(at(1), b)
		if err != nil {
			return
		}
		var out machine.Out
		m.Step(machine.In{Now: second, Event: machine.Ready{Fresh: true}}, &out)
		m.Step(machine.In{Now: second + tick, Event: machine.Recv{From: at(1), Msg: proto.Tick{}}}, &out)
		for _, s := range out.Send {
			require.GreaterOrEqual(t, s.After, machine.Time(0))
		}
	})
}
