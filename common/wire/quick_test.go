package wire_test

import (
	"fmt"
	"testing"

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
