package durable_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
)

// FuzzWhatIsDecodedEncodesAsItWas reads anything as a record, a command and an answer.
func FuzzWhatIsDecodedEncodesAsItWas(f *testing.F) {
	p := durable.Protocol(inside(), nil)
	for _, d := range []machine.Data{
		durable.Record{Now: 7, Rand: 9, Event: machine.Ask{ID: 1, Cmd: word("note a 9")}},
		durable.Record{Now: -1, Event: machine.Recv{From: self, Msg: word("a")}},
		durable.Record{Event: machine.Ready{Fresh: true}},
		durable.Record{Event: machine.Cancel{ID: 1}},
		durable.TakeSnapshot{},
		durable.Kept{Seq: 9},
		durable.Mark{Seq: 9, Now: -3, Refused: "no"},
		word("list"),
	} {
		f.Add(d.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range []func([]byte) (machine.Data, error){p.Record, p.Command, p.Answer} {
			if d, err := decode(b); err == nil {
				require.Equal(t, string(b), string(d.AppendTo(nil)))
			}
		}
	})
}

// deaf is a machine inside that takes anything.
type deaf struct{ diary }

func (*deaf) Step(machine.In, *machine.Out) {}

// FuzzAnyLogIsLoadedWithoutAPanic makes records of anything, in two lives, and asks.
func FuzzAnyLogIsLoadedWithoutAPanic(f *testing.F) {
	birth := durable.Record{Rand: 9, Event: machine.Ready{Fresh: true}}.AppendTo(nil)
	ask := durable.Record{Now: 7, Event: machine.Ask{ID: 1, Cmd: word("note a 9")}}.AppendTo(nil)
	f.Add(birth, ask, uint64(1))
	f.Add(ask, birth, uint64(2))
	f.Add(birth, []byte{}, ^uint64(0))
	p := durable.Protocol(inside(), nil)
	f.Fuzz(func(t *testing.T, first, second []byte, seq uint64) {
		m, err := durable.New(durable.Config{
			Self: self, Inside: &deaf{}, Changes: func(machine.Data) bool { return true },
			Refuse: func(reason string) machine.Data { return word(reason) },
		})
		require.NoError(t, err)
		var out machine.Out
		for i, b := range [][]byte{first, second} {
			load := machine.Load{Seq: seq + uint64(i)}
			if r, err := p.Record(b); err == nil {
				load.Record = r
			} else {
				load.Damaged = true
			}
			m.Step(machine.In{Event: load}, &out)
		}
		require.Empty(t, out.Save, "nothing is saved while it loads")
		m.Step(machine.In{Now: 1, Event: machine.Ready{}}, &out)
		out.Reset()
		m.Step(machine.In{Now: 2, Event: machine.Ask{ID: 1, Cmd: word("list")}}, &out)
		require.NotEqual(t, len(out.Reply) == 0, len(out.Save) == 0, "it is saved, or refused")
	})
}
