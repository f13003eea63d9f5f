package pulse_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/p2-persist/checkpoint/pulse"
)

var self = machine.Addr{Node: 1, Role: "lamp"}

// word is all data of a lamp.
type word string

func (w word) AppendTo(b []byte) []byte { return append(b, w...) }

// lamp is a machine that is on or off.
type lamp struct {
	on   bool
	seen []machine.Event
}

func (l *lamp) Step(in machine.In, out *machine.Out) {
	l.seen = append(l.seen, in.Event)
	if ask, ok := in.Event.(machine.Ask); ok {
		l.on = ask.Cmd == word("on")
		out.Answer(ask.ID, ask.Cmd)
	}
}

func (l *lamp) Pending() bool                        { return l.on }
func (l *lamp) View() app.View                       { return nil }
func (l *lamp) Load(iter.Seq2[string, []byte]) error { return nil }
func step(m machine.Machine, e machine.Event) machine.Out {
	var out machine.Out
	m.Step(machine.In{Event: e}, &out)
	return out
}

// beat returns the one timer of an Out.
func beat(t *testing.T, out machine.Out) machine.Data {
	require.Len(t, out.Send, 1)
	require.Equal(t, self, out.Send[0].To)
	require.Equal(t, machine.Second, out.Send[0].After)
	return out.Send[0].Msg
}

func TestAMachineHasAPulseWhileSomethingIsPending(t *testing.T) {
	l := &lamp{}
	m := pulse.Wrap(self, l, machine.Second)
	require.Empty(t, step(m, machine.Ready{Fresh: true}).Send)
	out := step(m, machine.Ask{ID: 1, Cmd: word("on")})
	require.Len(t, out.Reply, 1, "the machine inside does its work")
	tick := machine.Recv{From: self, Msg: beat(t, out)}
	require.Empty(t, step(m, machine.Ask{ID: 2, Cmd: word("on")}).Send, "one beat is on its way")
	inside := len(l.seen)
	for range 3 {
		tick.Msg = beat(t, step(m, tick))
	}
	require.Len(t, l.seen, inside, "the machine inside hears nothing of it")
	require.Empty(t, step(m, machine.Ask{ID: 3, Cmd: word("off")}).Send)
	require.Empty(t, step(m, tick).Send, "nothing is pending any more")
	beat(t, step(m, machine.Ask{ID: 4, Cmd: word("on")}))
}

func TestABeatThatACrashHasTakenIsSentAnew(t *testing.T) {
	m := pulse.Wrap(self, &lamp{}, machine.Second)
	beat(t, step(m, machine.Ask{ID: 1, Cmd: word("on")})) // as it was logged
	beat(t, step(m, machine.Ready{}))
}

func TestABeatFromAnotherIsNone(t *testing.T) {
	l := &lamp{}
	m := pulse.Wrap(self, l, machine.Second)
	msg := beat(t, step(m, machine.Ask{ID: 1, Cmd: word("on")}))
	inside := len(l.seen)
	require.Empty(t, step(m, machine.Recv{From: machine.Addr{Node: 2, Role: "lamp"}, Msg: msg}).Send)
	require.Len(t, l.seen, inside+1, "the machine inside decides what it is")
}

func TestABeatTravelsBesideTheMessagesOfTheMachineInside(t *testing.T) {
	m := pulse.Wrap(self, &lamp{}, machine.Second)
	msg := beat(t, step(m, machine.Ask{ID: 1, Cmd: word("on")}))
	inside := &machine.Protocol{Name: "lamp", Message: func(b []byte) (machine.Data, error) { return word(b), nil }}
	p := pulse.Protocol(inside)
	require.Equal(t, "lamp", p.Name)
	got, err := p.Message(msg.AppendTo(nil))
	require.NoError(t, err)
	require.Equal(t, msg, got)
	for _, b := range [][]byte{nil, []byte("x"), append(msg.AppendTo(nil), 0), msg.AppendTo(nil)[:3]} {
		got, err = p.Message(b)
		require.NoError(t, err)
		require.Equal(t, word(b), got)
	}
}
