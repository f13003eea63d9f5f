package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table/agenda"
)

func TestConfigurationsAreChecked(t *testing.T) {
	good := session.Config{Servers: []session.Server{{Addr: server}}}
	_, err := session.NewMachine(addr(2), good)
	require.NoError(t, err)
	for i, change := range []func(*session.Config){
		func(c *session.Config) { c.Servers = nil },
		func(c *session.Config) { c.Servers = make([]session.Server, 65) },
		func(c *session.Config) { c.Mode = 3 },
		func(c *session.Config) { c.Timeout = -1 },
		func(c *session.Config) { c.InFlight = kv.MaxInFlight + 1 },
		func(c *session.Config) { c.Queue = -1 },
	} {
		bad := good
		change(&bad)
		_, err := session.NewMachine(addr(2), bad)
		require.ErrorIs(t, err, session.ErrConfig, fmt.Sprint(i))
		_, err = session.Protocol().New(addr(2), bad.AppendTo(nil))
		require.ErrorIs(t, err, session.ErrConfig, fmt.Sprint(i))
	}
	_, err = session.Protocol().New(addr(2), []byte{1})
	require.ErrorIs(t, err, cbor.ErrMalformed)
}

func FuzzConfig(f *testing.F) {
	f.Add(session.Config{Servers: []session.Server{{Addr: server, Name: "one"}}, Mode: session.AtLeastOnce, Timeout: -1}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := session.DecodeConfig(b); err == nil {
			require.Equal(t, b, c.AppendTo(nil))
		}
	})
}

// FuzzStep feeds a Machine with inputs made of arbitrary bytes, the first byte
// choosing the mode: it never panics, and never answers an Ask twice.
func FuzzStep(f *testing.F) {
	p := session.Protocol()
	for mode := range byte(3) {
		seed := []byte{mode}
		for i, e := range []machine.Event{
			machine.Ask{ID: 1, Cmd: &kv.Request{Op: write}},
			machine.Recv{From: server, Msg: machine.Return{ID: 2 << 6, Data: &kv.Response{Status: kv.OK, Result: kv.SessionInfo{ID: 7, TTL: time.Second}}}},
			machine.Recv{From: server, Msg: machine.Return{ID: 1 << 6, Data: &kv.Response{Status: kv.Unavailable, Try: "two"}}},
			machine.Recv{From: addr(9), Msg: agenda.Tick{At: second}},
			machine.Link{Peer: 1},
			machine.Recv{From: server, Msg: machine.Return{ID: 1<<6 + 1, Data: &kv.Response{Status: kv.NoSession}}},
			machine.Cancel{ID: 1},
		} {
			seed = cbor.AppendBytes(seed, machine.AppendIn(nil, machine.In{Now: machine.Time(i) * second, Event: e}))
			f.Add(seed)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		m, err := session.NewMachine(addr(9), session.Config{
			Servers: []session.Server{{Addr: server, Name: "one"}, {Addr: addr(2), Name: "two"}},
			Mode:    session.Mode(b[0] % 3), InFlight: 2, Queue: 4,
		})
		require.NoError(t, err)
		r := cbor.NewReader(b[1:])
		open := map[uint64]int{}
		for r.Err() == nil && len(r.Rest()) > 0 {
			in, err := machine.DecodeIn(r.Bytes(), p)
			if err != nil {
				continue
			}
			if ask, ok := in.Event.(machine.Ask); ok {
				open[ask.ID]++
			}
			var out machine.Out
			m.Step(in, &out)
			for _, a := range out.Reply {
				open[a.ID]--
				require.GreaterOrEqual(t, open[a.ID], 0)
			}
		}
	})
}
