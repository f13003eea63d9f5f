package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
)

func FuzzDecodeIn(f *testing.F) {
	for _, e := range []machine.Event{
		machine.Load{Seq: 1, Record: note{record, "r"}},
		machine.Load{Seq: 2, Damaged: true},
		machine.Ready{Fresh: true},
		machine.Recv{From: machine.Addr{Node: 2, Role: "toy"}, Msg: machine.Call{ID: 3, Cmd: note{command, "c"}}},
		machine.Ask{ID: 1, Cmd: note{command, "c"}},
		machine.Cancel{ID: 1},
		machine.Link{Peer: 2, Up: true},
	} {
		f.Add(machine.AppendIn(nil, machine.In{Now: machine.Second, Rand: 1 << 63, Event: e}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := machine.DecodeIn(b, toy)
		if err != nil {
			require.Equal(t, machine.In{}, in)
			return
		}
		require.Equal(t, b, machine.AppendIn([]byte{}, in))
	})
}

func FuzzDecodeOut(f *testing.F) {
	out := machine.Out{
		Save:  []machine.Data{note{record, "r"}},
		Send:  []machine.Envelope{{To: machine.Addr{Node: 2}, After: -1, Early: true, Msg: note{message, "m"}}},
		Reply: []machine.Answer{{ID: 5, Data: note{answer, "a"}}},
		Trim:  9,
		Note:  []machine.Fact{{Name: "chosen", Text: "7"}},
	}
	f.Add(machine.AppendOut(nil, &machine.Out{}))
	f.Add(machine.AppendOut(nil, &out))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got machine.Out
		if machine.DecodeOut(b, &got) == nil {
			require.Equal(t, b, machine.AppendOut([]byte{}, &got))
		} else {
			require.Equal(t, machine.Out{}, got)
		}
	})
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(machine.AppendMessage(nil, note{message, "m"}))
	f.Add(machine.AppendMessage(nil, machine.Call{ID: 1, Cmd: note{command, "c"}}))
	f.Add(machine.AppendMessage(nil, machine.Return{ID: 2, Data: note{returned, "r"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := machine.DecodeMessage(b, toy)
		if err != nil {
			require.Nil(t, msg)
			return
		}
		require.Equal(t, b, machine.AppendMessage([]byte{}, msg))
	})
}
