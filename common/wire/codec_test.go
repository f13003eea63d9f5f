package wire_test

import (
	"bytes"
	"io"
	"net/rpc"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

// rawTalk is talk with net/rpc's own server behind our codec.
func rawTalk(t *testing.T, b wire.Bounds, frames ...[]byte) []answer {
	here, there := memnet.Pipe()
	defer here.Close()
	s := rpc.NewServer()
	require.NoError(t, s.RegisterName("Echo", Echo{}))
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeCodec(wire.NewServerCodec(there, b, nil))
	}()
	here.Write(bytes.Join(frames, nil))
	got, err := io.ReadAll(here)
	require.NoError(t, err)
	<-served
	return wiretest.Answers(t, got)
}

func TestNetRPCsServerRefusesWhatOursDoes(t *testing.T) {
	for name, c := range map[string]struct {
		frames [][]byte
		codes  []uint64
	}{
		"no hello":             {[][]byte{echoRequest(1, "x")}, []uint64{refused}},
		"a peer":               {[][]byte{helloOf(1, 2, 1)}, []uint64{refused}},
		"a reply":              {[][]byte{hello, welcome}, []uint64{ok, malformed}},
		"a repeated number":    {[][]byte{hello, echoRequest(1, "x"), echoRequest(1, "x")}, []uint64{ok, ok, malformed}},
		"a frame too long":     {[][]byte{hello, {255, 0, 0, 0}}, []uint64{ok, tooLarge}},
		"a reply body too big": {[][]byte{hello, echoRequest(1, strings.Repeat("x", 105)), {0, 0, 0, 0}}, []uint64{ok, replyLost, malformed}},
	} {
		t.Run(name, func(t *testing.T) {
			var codes []uint64
			for _, a := range rawTalk(t, wire.Bounds{Message: 100}, c.frames...) {
				codes = append(codes, a.Code)
			}
			require.Equal(t, c.codes, codes)
		})
	}
}

func TestNetRPCsServerClosesAnIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got := rawTalk(t, wire.Bounds{Idle: time.Minute}, hello)
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, uint64(shutdown), got[1].Code)
	})
}

func TestNetRPCsClientIsToldWhyItIsRefused(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{Connections: 1})
	attach(t, s)
	require.Eventually(t, func() bool { return s.Stats().Open == 1 }, time.Second, time.Microsecond)
	c := rpc.NewClientWithCodec(wire.NewClientCodec(attach(t, s), wire.Bounds{}))
	defer c.Close()
	err := c.Call("Echo.Do", &Blob{}, nil)
	require.Error(t, err)
	require.ErrorIs(t, c.Call("Echo.Do", &Blob{}, nil), rpc.ErrShutdown, "and its connection is at its end")
}

func TestNetRPCsClientKeepsTheBounds(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	c := rpc.NewClientWithCodec(wire.NewClientCodec(attach(t, s), wire.Bounds{Message: 100}))
	defer c.Close()
	require.ErrorIs(t, c.Call("Echo.Do", &Blob{make([]byte, 100)}, nil), wire.ErrTooLarge)
	require.ErrorIs(t, c.Call(strings.Repeat("m", 257), &Blob{}, nil), wire.ErrTooLarge)
	require.Error(t, c.Call("Half.Do", make(chan int), nil))
	require.NoError(t, c.Call("Echo.Do", &Blob{}, nil))
}

func TestNetRPCsClientEndsOnAnAnswerThatIsNone(t *testing.T) {
	for name, answers := range map[string][]byte{
		"a request":           request(1, "x", nil),
		"no welcome":          response(1, ok, "", nil),
		"a request, later":    append(bytes.Clone(welcome), request(1, "x", nil)...),
		"a notice":            append(bytes.Clone(welcome), response(0, shutdown, "bye", nil)...),
		"a text without end":  append(bytes.Clone(welcome), response(1, 1, strings.Repeat("x", 1025), nil)...),
		"an error and a body": append(bytes.Clone(welcome), response(1, 1, "x", []byte{0})...),
	} {
		here, there := memnet.Pipe()
		there.Write(answers)
		c := rpc.NewClientWithCodec(wire.NewClientCodec(here, wire.Bounds{}))
		require.Error(t, c.Call("Echo.Do", &Blob{}, nil), name)
		there.Close()
		c.Close()
	}
}
