package wire_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
)

func TestAQuickMethodIsServedAsNetRPCWould(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{Bounds: wire.Bounds{Message: 1000}})
	wire.Quick(s, "Quick.Do", func(in *Blob) (machine.Data, error) {
		switch string(in.B) {
		case "odd":
			return nil, fmt.Errorf("%w: three", errOdd)
		case "panic":
			panic("on purpose")
		case "long":
			return &Blob{make([]byte, 2000)}, nil
		}
		return &Blob{append([]byte("quick "), in.B...)}, nil
	})
	c := dialMemory(t, s, wire.ClientOptions{Errors: wire.Errors{7: errOdd}})
	do := func(text string) (string, error) {
		var out Blob
		err := c.Call(t.Context(), "Quick.Do", &Blob{[]byte(text)}, &out)
		return string(out.B), err
	}
	got, err := do("x")
	require.NoError(t, err)
	require.Equal(t, "quick x", got)
	_, err = do("odd")
	require.ErrorIs(t, err, errOdd)
	require.ErrorContains(t, err, "three")
	_, err = do("panic")
	require.ErrorIs(t, err, wire.ErrPanic)
	require.EqualValues(t, 1, s.Stats().Panics)
	_, err = do("long")
	require.ErrorIs(t, err, wire.ErrReply)
	require.ErrorIs(t, c.Call(t.Context(), "Quick.Do", "no blob", nil), wire.ErrMalformed)
	_, err = echo(t.Context(), c, "others go on")
	require.NoError(t, err)
	require.EqualValues(t, 6, s.Stats().Requests)
}

// lent is a body that lies in its frame.
type lent struct{ b []byte }

func (l *lent) DecodeFrom(b []byte) error {
	l.b = b
	return nil
}

func TestAQuietConnectionHoldsNoBody(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	var body weak.Pointer[byte]
	wire.Quick(s, "Quick.Size", func(in *lent) (machine.Data, error) {
		body = weak.Make(&in.b[0])
		return &Blob{fmt.Append(nil, len(in.b))}, nil
	})
	c := dialMemory(t, s, wire.ClientOptions{})
	var size Blob
	require.NoError(t, c.Call(t.Context(), "Quick.Size", &Blob{bytes.Repeat([]byte("long"), 1<<18)}, &size))
	require.Equal(t, "1048581", string(size.B))
	runtime.GC()
	require.Nil(t, body.Value())
}
