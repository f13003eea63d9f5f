package wire_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/wire"
)

// Bomb goes off in as many ways as handlers do.
type Bomb struct{ kind map[string]int }

func (b *Bomb) NilMap(string, *int) error         { b.kind["x"] = 1; return nil }
func (b *Bomb) Index(s string, out *int) error    { *out = int(s[len(s)]); return nil }
func (b *Bomb) Divide(s string, out *int) error   { *out = 1 / (len(s) - 1); return nil }
func (b *Bomb) Nil(string, *int) error            { var none *Bomb; none.kind = nil; return nil }
func (b *Bomb) Overflow(s string, _ *[]int) error { _ = make([]int, len(s)-2); return nil }
func (b *Bomb) Value(s string, _ *int) error      { panic(fmt.Errorf("on purpose: %s", s)) }
func (b *Bomb) Exit(string, *int) error           { runtime.Goexit(); return nil }
func (b *Bomb) Encode(string, *BadBody) error     { return nil }
func (b *Bomb) Decode(*BadBody, *int) error       { return nil }

type BadBody struct{}

func (*BadBody) AppendTo([]byte) []byte  { panic("cannot be encoded") }
func (*BadBody) DecodeFrom([]byte) error { panic("cannot be decoded") }

func TestAHandlersPanicCostsItsCallOnly(t *testing.T) {
	methods := []string{"NilMap", "Index", "Divide", "Nil", "Overflow", "Value", "Encode"}
	cases := 0
	for _, inline := range []bool{true, false} {
		var logged lockedBuffer
		s := wire.NewServer(wire.ServerOptions{
			Inline: func(string) bool { return inline },
			Log:    slog.New(slog.NewTextHandler(&logged, nil)),
		})
		require.NoError(t, s.Register("Bomb", new(Bomb)))
		require.NoError(t, s.Register("Echo", Echo{}))
		c := dialMemory(t, s, wire.ClientOptions{})
		for range 5 {
			for _, method := range methods {
				err := c.Call(t.Context(), "Bomb."+method, "x", nil)
				require.ErrorIs(t, err, wire.ErrPanic, method)
				require.False(t, wire.Definite(err))
				require.NotContains(t, err.Error(), "on purpose", "what was in the panic stays here")
				_, err = echo(t.Context(), c, "the connection lives on")
				require.NoError(t, err)
				cases++
			}
		}
		require.EqualValues(t, cases/(1+b2i(!inline)), s.Stats().Panics)
		require.Contains(t, logged.String(), "Bomb).NilMap")
		require.Contains(t, logged.String(), "method=Bomb.Value")
	}
	t.Logf("panics: %d cases, every connection lived on", cases)
	tally.Add(t, "badinputs", cases)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestAHandlerThatEndsItsGoroutineCostsNoMoreThanItsConnection(t *testing.T) {
	for _, inline := range []bool{true, false} {
		s := wire.NewServer(wire.ServerOptions{Inline: func(string) bool { return inline }})
		require.NoError(t, s.Register("Bomb", new(Bomb)))
		require.NoError(t, s.Register("Echo", Echo{}))
		err := dialMemory(t, s, wire.ClientOptions{}).Call(t.Context(), "Bomb.Exit", "x", nil)
		require.Error(t, err)
		require.False(t, wire.Definite(err))
		requireServing(t, s)
	}
}

func TestADecoderThatPanicsCostsItsCallOnly(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{})
	require.NoError(t, s.Register("Bomb", new(Bomb)))
	got := talk(t, s, hello, request(1, "Bomb.Decode", nil), request(2, "wire.Ping", nil))
	require.Len(t, got, 3)
	codes := map[uint64]uint64{got[1].Seq: got[1].Code, got[2].Seq: got[2].Code}
	require.Equal(t, map[uint64]uint64{1: panicked, 2: ok}, codes)
}

// lockedBuffer is what a log may write to from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
