package wire_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
)

// desk keeps requests until somebody answers them.
type desk struct {
	mu      sync.Mutex
	waiting map[string]func(machine.Data)
	came    chan struct{} // gets a token for each
}

// newDesk offers a desk under Echo.Do, whose own method serves what the desk does not take.
func newDesk(t *testing.T, o wire.ServerOptions) (*desk, *wire.Server) {
	s, _ := newServer(t, o)
	d := &desk{waiting: map[string]func(machine.Data){}, came: make(chan struct{}, 4096)}
	wire.Later(s, "Echo.Do", d.take)
	return d, s
}

func (d *desk) take(in *Blob, answer func(machine.Data)) bool {
	switch text := string(in.B); text {
	case "not me":
		return false
	case "panic":
		panic("on purpose")
	case "answer and panic":
		answer(&Blob{in.B})
		panic("too late")
	case "at once":
		answer(&Blob{in.B})
		answer(&Blob{[]byte("twice")})
	default:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiting[text] = answer
		d.came <- struct{}{}
	}
	return true
}

// answer answers one request.
func (d *desk) answer(text string, with machine.Data) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[text](with)
}

// ask sends a request and awaits that it has come.
func (d *desk) ask(t *testing.T, c *wire.Client, text string) (got func() (string, error)) {
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := echo(context.Background(), c, text)
		replies <- reply{text, err}
	}()
	<-d.came
	return func() (string, error) {
		r := <-replies
		return r.text, r.err
	}
}

func TestAnswersThatComeLaterFindTheirRequests(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	a, b := d.ask(t, c, "a"), d.ask(t, c, "b")
	d.answer("b", &Blob{[]byte("B")})
	got, err := b()
	require.NoError(t, err)
	require.Equal(t, "B", got)
	d.answer("a", &Blob{[]byte("A")})
	got, err = a()
	require.NoError(t, err)
	require.Equal(t, "A", got)
	for _, text := range []string{"at once", "answer and panic", "not me"} {
		got, err = echo(t.Context(), c, text)
		require.NoError(t, err)
		require.Equal(t, text, got)
	}
	require.EqualValues(t, 5, s.Stats().Requests)
	require.EqualValues(t, 1, s.Stats().Panics)
}

func TestManyAnswersAtATimeFindTheirRequests(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{})
	c := dialMemory(t, s, wire.ClientOptions{})
	const callers, rounds = 32, 20
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range rounds {
				text := fmt.Sprint(i, " ", n)
				got, err := echo(context.Background(), c, text)
				if err != nil || got != text {
					t.Errorf("%q got %q, %v", text, got, err)
				}
			}
		})
	}
	for range callers * rounds {
		<-d.came
		d.mu.Lock()
		for text, answer := range d.waiting {
			delete(d.waiting, text)
			answer(&Blob{[]byte(text)})
		}
		d.mu.Unlock()
	}
	all.Wait()
}

func TestAHandlerThatAnswersLaterCostsNoMoreThanItsCall(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{Bounds: wire.Bounds{Message: 1000}})
	c := dialMemory(t, s, wire.ClientOptions{})
	_, err := echo(t.Context(), c, "panic")
	require.ErrorIs(t, err, wire.ErrPanic)
	require.ErrorIs(t, c.Call(t.Context(), "Echo.Do", "no blob", nil), wire.ErrMalformed)
	for with, want := range map[machine.Data]error{
		&BadBody{}:                wire.ErrPanic,
		&Blob{make([]byte, 2000)}: wire.ErrReply,
	} {
		got := d.ask(t, c, "x")
		d.answer("x", with)
		_, err := got()
		require.ErrorIs(t, err, want)
	}
	requireOthersGoOn(t, c)
}

func requireOthersGoOn(t *testing.T, c *wire.Client) {
	got, err := echo(t.Context(), c, "at once")
	require.NoError(t, err)
	require.Equal(t, "at once", got)
}

func TestWhatIsNotAnsweredYetIsInFlight(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{InFlight: 1})
	c := dialMemory(t, s, wire.ClientOptions{})
	first := d.ask(t, c, "first")
	_, err := echo(t.Context(), c, "second")
	require.ErrorIs(t, err, wire.ErrOverloaded)
	d.answer("first", &Blob{})
	_, err = first()
	require.NoError(t, err)
}

func TestALongRequestIsServedByAGoroutine(t *testing.T) {
	_, s := newDesk(t, wire.ServerOptions{})
	long := strings.Repeat("long", 32<<10)
	got, err := echo(t.Context(), dialMemory(t, s, wire.ClientOptions{}), long)
	require.NoError(t, err)
	require.Equal(t, long, got)
}

func TestAServerThatDrainsWaitsForAnswersThatComeLater(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{})
	c := dialTCP(t, listen(t, s), wire.ClientOptions{})
	got := d.ask(t, c, "x")
	drained := make(chan error)
	go func() { drained <- s.Shutdown(context.Background()) }()
	d.answer("x", &Blob{[]byte("in time")})
	text, err := got()
	require.NoError(t, err)
	require.Equal(t, "in time", text)
	require.NoError(t, <-drained)
}

func TestAnAnswerAfterItsConnectionHasDiedIsDropped(t *testing.T) {
	d, s := newDesk(t, wire.ServerOptions{})
	there := attach(t, s)
	c, err := wire.NewClient(t.Context(), there, wire.ClientOptions{})
	require.NoError(t, err)
	got := d.ask(t, c, "x")
	require.NoError(t, c.Close())
	_, err = got()
	require.Error(t, err)
	d.answer("x", &Blob{})
	requireOthersGoOn(t, dialMemory(t, s, wire.ClientOptions{}))
}
