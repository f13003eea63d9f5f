package machine_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// note is the one kind of data of a toy protocol.
type note struct {
	kind uint64
	text string
}

func (n note) AppendTo(b []byte) []byte {
	return cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(b, 2), n.kind), n.text)
}

var errKind = errors.New("kind of another role")

// noteOf returns a decoder of notes of one kind.
func noteOf(kind uint64) func([]byte) (machine.Data, error) {
	return func(b []byte) (machine.Data, error) {
		r := cbor.NewReader(b)
		r.Fixed(2)
		n := note{kind: r.Uint(), text: r.Key()}
		if err := r.Close(); err != nil {
			return nil, err
		}
		if n.kind != kind {
			return nil, errKind
		}
		return n, nil
	}
}

const (
	message = iota
	record
	command
	answer
	returned
)

var (
	toy = &machine.Protocol{
		Name:    "toy",
		Message: noteOf(message),
		Record:  noteOf(record),
		Command: noteOf(command),
		Answer:  noteOf(answer),
		Return:  noteOf(returned),
	}
	mute = &machine.Protocol{Name: "mute"}
)

var sameValue = cmp.Options{cmp.AllowUnexported(note{}), cmpopts.EquateEmpty()}

func drawNote(kind uint64) *rapid.Generator[machine.Data] {
	return rapid.Custom(func(t *rapid.T) machine.Data {
		return note{kind: kind, text: string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text"))}
	})
}

func drawTime(t *rapid.T) machine.Time { return machine.Time(rapid.Int64().Draw(t, "time")) }

func drawAddr(t *rapid.T) machine.Addr {
	return machine.Addr{Node: machine.Node(rapid.Uint64().Draw(t, "node")), Role: rapid.String().Draw(t, "role")}
}

func drawMessage(t *rapid.T) machine.Data {
	id := rapid.Uint64().Draw(t, "id")
	switch rapid.IntRange(0, 2).Draw(t, "message") {
	case 0:
		return machine.Call{ID: id, Cmd: drawNote(command).Draw(t, "command")}
	case 1:
		return machine.Return{ID: id, Data: drawNote(returned).Draw(t, "return")}
	}
	return drawNote(message).Draw(t, "message")
}

func drawEvent(t *rapid.T) machine.Event {
	id, flag := rapid.Uint64().Draw(t, "id"), rapid.Bool().Draw(t, "flag")
	switch rapid.IntRange(0, 6).Draw(t, "event") {
	case 0:
		return machine.Load{Seq: id, Record: drawNote(record).Draw(t, "record")}
	case 1:
		return machine.Load{Seq: id, Damaged: true}
	case 2:
		return machine.Ready{Fresh: flag}
	case 3:
		return machine.Recv{From: drawAddr(t), Msg: drawMessage(t)}
	case 4:
		return machine.Ask{ID: id, Cmd: drawNote(command).Draw(t, "command")}
	case 5:
		return machine.Cancel{ID: id}
	}
	return machine.Link{Peer: machine.Node(id), Up: flag}
}

func TestInputsDecodeAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := machine.In{Now: drawTime(t), Rand: rapid.Uint64().Draw(t, "rand"), Event: drawEvent(t)}
		b := machine.AppendIn(nil, in)
		require.NoError(t, cbor.Scan(b, cbor.Limits{}))
		got, err := machine.DecodeIn(b, toy)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(in, got, sameValue))
		for n := range b {
			got, err := machine.DecodeIn(b[:n], toy)
			require.ErrorIs(t, err, cbor.ErrMalformed)
			require.Empty(t, cmp.Diff(machine.In{}, got))
		}
	})
}

func drawOut(t *rapid.T) *machine.Out {
	out := &machine.Out{
		Save: rapid.SliceOfN(drawNote(record), 0, 4).Draw(t, "save"),
		Trim: rapid.Uint64().Draw(t, "trim"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "sends") {
		out.Send = append(out.Send, machine.Envelope{
			To: drawAddr(t), After: drawTime(t), Early: rapid.Bool().Draw(t, "early"), Msg: drawMessage(t),
		})
	}
	for range rapid.IntRange(0, 4).Draw(t, "replies") {
		out.Reply = append(out.Reply, machine.Answer{
			ID: rapid.Uint64().Draw(t, "id"), Early: rapid.Bool().Draw(t, "early"), Data: drawNote(answer).Draw(t, "answer"),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "notes") {
		out.Note = append(out.Note, machine.Fact{Name: "chosen", Text: rapid.String().Draw(t, "text")})
	}
	return out
}

// understand decodes what DecodeOut left Raw, as the receivers would.
func understand(t require.TestingT, out *machine.Out) {
	var err error
	for i, d := range out.Save {
		out.Save[i], err = toy.Record(d.(machine.Raw))
		require.NoError(t, err)
	}
	for i := range out.Send {
		e := &out.Send[i]
		e.Msg, err = machine.DecodeMessage(e.Msg.(machine.Raw), toy)
		require.NoError(t, err)
	}
	for i := range out.Reply {
		a := &out.Reply[i]
		a.Data, err = toy.Answer(a.Data.(machine.Raw))
		require.NoError(t, err)
	}
}

func TestOutputsDecodeAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := drawOut(t)
		b := machine.AppendOut(nil, out)
		require.NoError(t, cbor.Scan(b, cbor.Limits{}))

		var got machine.Out
		require.NoError(t, machine.DecodeOut(b, &got))
		require.Equal(t, b, machine.AppendOut(nil, &got), "what is Raw travels on as it came")
		for i := range b {
			b[i] = 0xee // got must not notice
		}
		understand(t, &got)
		require.Empty(t, cmp.Diff(*out, got, sameValue))
	})
}

func TestDecodeOutJoinsAndLeavesOutAloneOnAnError(t *testing.T) {
	first := machine.Out{Save: []machine.Data{note{record, "a"}}, Trim: 7}
	second := machine.Out{Save: []machine.Data{note{record, "b"}}, Trim: 3}
	b := machine.AppendOut(nil, &second)

	var got machine.Out
	require.NoError(t, machine.DecodeOut(machine.AppendOut(nil, &first), &got))
	before := machine.AppendOut(nil, &got)
	for n := range b {
		require.ErrorIs(t, machine.DecodeOut(b[:n], &got), cbor.ErrMalformed)
		require.Equal(t, before, machine.AppendOut(nil, &got))
	}
	require.NoError(t, machine.DecodeOut(b, &got))
	understand(t, &got)
	require.Empty(t, cmp.Diff(machine.Out{Save: []machine.Data{note{record, "a"}, note{record, "b"}}, Trim: 7}, got, sameValue))
}

func TestARawMessageTravelsOnAsItCame(t *testing.T) {
	for _, msg := range []machine.Data{
		note{message, "m"},
		machine.Call{ID: 1, Cmd: note{command, "c"}},
		machine.Return{ID: 2, Data: note{returned, "r"}},
	} {
		raw := machine.Raw(machine.AppendMessage(nil, msg))
		in := machine.In{Event: machine.Recv{Msg: raw}}
		got, err := machine.DecodeIn(machine.AppendIn(nil, in), toy)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(msg, got.Event.(machine.Recv).Msg, sameValue))
	}
}

func TestDecodeOutBoundsItsLists(t *testing.T) {
	out := machine.Out{Save: make([]machine.Data, machine.MaxOut)}
	for i := range out.Save {
		out.Save[i] = machine.Raw{0}
	}
	b := machine.AppendOut(nil, &out)
	require.NoError(t, machine.DecodeOut(b, new(machine.Out)))
	out.Save = append(out.Save, machine.Raw{0})
	require.ErrorIs(t, machine.DecodeOut(machine.AppendOut(nil, &out), new(machine.Out)), cbor.ErrMalformed)
	require.ErrorIs(t, machine.DecodeOut([]byte{0x85, 0x81, 0xf6, 0x80, 0x80, 0x00, 0x80}, new(machine.Out)), cbor.ErrMalformed)
}

func TestLengthBombsAreRefusedBeforeAllocation(t *testing.T) {
	for _, b := range [][]byte{
		{0x85, 0x9a, 0x7f, 0xff, 0xff, 0xff},
		{0x85, 0x80, 0x9a, 0x7f, 0xff, 0xff, 0xff},
		{0x85, 0x80, 0x80, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x85, 0x81, 0x5a, 0x7f, 0xff, 0xff, 0xff},
		{0x84, 0x00, 0x00, 0x04, 0x82, 0x00, 0x5a, 0x7f, 0xff, 0xff, 0xff},
		{0x84, 0x00, 0x00, 0x03, 0x82, 0x82, 0x01, 0x7a, 0x7f, 0xff, 0xff, 0xff},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.ErrorIs(t, machine.DecodeOut(b, new(machine.Out)), cbor.ErrMalformed)
		_, err := machine.DecodeIn(b, toy)
		require.ErrorIs(t, err, cbor.ErrMalformed)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), "%x", b)
	}
}

func TestFactsAreMadeValidText(t *testing.T) {
	out := machine.Out{Note: []machine.Fact{{Name: "violated", Text: "key \xff"}}}
	var got machine.Out
	require.NoError(t, machine.DecodeOut(machine.AppendOut(nil, &out), &got))
	require.Equal(t, "key \ufffd", got.Note[0].Text)
}

func TestARoleRefusesDataThatItDoesNotTake(t *testing.T) {
	for _, msg := range []machine.Data{
		note{message, "m"},
		machine.Call{Cmd: note{command, "c"}},
		machine.Return{Data: note{returned, "r"}},
	} {
		got, err := machine.DecodeMessage(machine.AppendMessage(nil, msg), mute)
		require.ErrorIs(t, err, machine.ErrNoDecoder)
		require.Nil(t, got)
	}
	for _, e := range []machine.Event{
		machine.Load{Seq: 1, Record: note{record, "r"}},
		machine.Ask{ID: 1, Cmd: note{command, "c"}},
		machine.Recv{Msg: note{message, "m"}},
	} {
		_, err := machine.DecodeIn(machine.AppendIn(nil, machine.In{Event: e}), mute)
		require.ErrorContains(t, err, "mute takes no")
	}
}

func TestWrongKindsAndTagsAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"no message":            {},
		"tag 3":                 {0x03},
		"call without a number": {0x01},
		"a command as message":  machine.AppendMessage(nil, note{command, "c"}),
		"a message as command":  machine.AppendMessage(nil, machine.Call{Cmd: note{message, "m"}}),
		"bytes after the end":   append(machine.AppendMessage(nil, note{message, "m"}), 0),
	} {
		got, err := machine.DecodeMessage(b, toy)
		require.Error(t, err, name)
		require.Nil(t, got, name)
	}
	for kind := byte(0); kind < 24; kind++ {
		if kind < 1 || kind > 6 {
			_, err := machine.DecodeIn([]byte{0x84, 0x00, 0x00, kind, 0x00}, toy)
			require.ErrorContains(t, err, "event kind")
		}
	}
}

func TestAnEventOfNoKindIsAMistakeOfTheWorld(t *testing.T) {
	require.PanicsWithValue(t, "machine: event of type <nil>", func() { machine.AppendIn(nil, machine.In{}) })
}

func TestResetKeepsMemoryButNothingInIt(t *testing.T) {
	self := machine.Addr{Node: 1, Role: "toy"}
	var out machine.Out
	out.Save = append(out.Save, note{record, "r"})
	out.SendTo(machine.Addr{Node: 2}, note{message, "m"})
	out.Timer(self, machine.Second, note{message, "tick"})
	out.Answer(5, note{answer, "a"})
	out.Trim, out.Note = 9, append(out.Note, machine.Fact{Name: "chosen"})
	require.Empty(t, cmp.Diff(machine.Out{
		Save: []machine.Data{note{record, "r"}},
		Send: []machine.Envelope{
			{To: machine.Addr{Node: 2}, Msg: note{message, "m"}},
			{To: self, After: machine.Second, Msg: note{message, "tick"}},
		},
		Reply: []machine.Answer{{ID: 5, Data: note{answer, "a"}}},
		Trim:  9,
		Note:  []machine.Fact{{Name: "chosen"}},
	}, out, sameValue))

	out.Reset()
	require.Empty(t, cmp.Diff(machine.Out{}, out, sameValue))
	require.Nil(t, out.Save[:1][0], "what was sent may be collected")
	require.Nil(t, out.Send[:2][1].Msg)
	require.Nil(t, out.Reply[:1][0].Data)
}

func TestAShellCarriesACallWithoutDecodingIt(t *testing.T) {
	frame := machine.AppendMessage(nil, machine.Call{ID: 300, Cmd: note{command, "c"}})
	id, body, ok := machine.SplitCall(frame)
	require.True(t, ok)
	require.Equal(t, uint64(300), id)
	require.Equal(t, note{command, "c"}.AppendTo(nil), body)

	for n := range 4 { // the tag and the number
		_, _, ok = machine.SplitCall(frame[:n])
		require.False(t, ok)
	}
	for _, other := range []machine.Data{note{message, "m"}, machine.Return{ID: 300, Data: note{returned, "r"}}} {
		_, _, ok = machine.SplitCall(machine.AppendMessage(nil, other))
		require.False(t, ok)
	}

	want := machine.Return{ID: 300, Data: note{returned, "r"}}
	got, err := machine.DecodeMessage(machine.AppendReturn(nil, 300, want.Data.AppendTo(nil)), toy)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got, sameValue))
}
