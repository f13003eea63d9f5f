package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
	"dss.example/common/wire/wiretest"
)

// validFrames are what well-behaved clients send after their hello.
func validFrames() [][]byte {
	number := func(n uint64) []byte {
		b := cbor.AppendUint(cbor.AppendText(cbor.AppendMap(nil, 2), "N"), n)
		return cbor.AppendText(cbor.AppendText(b, "Note"), "a note")
	}
	var all [][]byte
	for _, text := range []string{"", "x", "two words", strings.Repeat("y", 23), strings.Repeat("z", 24), strings.Repeat("w", 1255), strings.Repeat("v", 2756)} {
		all = append(all, echoRequest(1, text))
	}
	for _, n := range []uint64{0, 2, 23, 24, 256, 1 << 16, 1 << 32, math.MaxInt64 - 1} {
		all = append(all, request(n+1, "Half.Do", number(n)))
	}
	return append(
		all, request(1, "Half.Strict", number(2)), request(1, "No.Such", number(2)), request(1, "wire.Ping", nil),
		request(math.MaxUint64, "Echo.Do", cbor.AppendBytes(nil, nil)), request(1, "Gate.Poll", cbor.AppendBytes(nil, nil)),
	)
}

func TestAFrameCutAtAnyByteEndsItsConnectionOnly(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	defer s.Close()
	frames, cases := validFrames(), 0
	require.Len(t, frames, 20)
	for _, f := range frames {
		for cut := range f {
			got := talk(t, s, hello, echoRequest(1, "before"), bumped(f, 2)[:cut])
			require.Len(t, got, 2, "the welcome and the answer to what came before the cut")
			cases++
		}
	}
	for cut := range hello {
		require.Empty(t, talk(t, s, hello[:cut]))
		cases++
	}
	requireServing(t, s)
	require.Zero(t, s.Stats().Panics)
	t.Logf("frames cut at every byte: %d cases, none answered, none fatal", cases)
	tally.Add(t, "badinputs", cases)
}

// bumped returns a request frame under another sequence number, if it had 1.
func bumped(f []byte, seq byte) []byte {
	f = bytes.Clone(f)
	if f[5] == 1 {
		f[5] = seq
	}
	return f
}

func TestMutatedFramesNeverHarmTheServer(t *testing.T) {
	const cases, seed = mutations, 1
	var logged strings.Builder
	s, gate := newServer(t, wire.ServerOptions{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	defer s.Close()
	close(gate.opened)
	go func() {
		for range gate.waiting {
		}
	}()
	defer close(gate.waiting)
	frames := validFrames()
	extra := heapGrowth(func() {
		var all sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(w)))
				for i := w; i < cases; i += runtime.GOMAXPROCS(0) {
					talk(t, s, hello, mutate(rng, frames[i%len(frames)]))
				}
			})
		}
		all.Wait()
	})
	require.Empty(t, logged.String())
	require.Zero(t, s.Stats().Panics)
	require.Zero(t, s.Stats().Open)
	require.Less(t, extra, uint64(64<<20))
	requireServing(t, s)
	t.Logf("mutated frames: %d cases (seed %d), 0 panics, %d KiB more heap", cases, seed, extra>>10)
	tally.Add(t, "badinputs", cases)
}

// mutate changes a bit, some bytes, the length, or the size of a frame.
func mutate(rng *rand.Rand, f []byte) []byte {
	f = bytes.Clone(f)
	for range 1 + rng.IntN(3) {
		switch at := rng.IntN(len(f)); rng.IntN(6) {
		case 0:
			f[at] ^= 1 << rng.IntN(8)
		case 1:
			f[at] = byte(rng.Uint32())
		case 2:
			f = append(f[:at], f[at+rng.IntN(len(f)-at):]...)
		case 3:
			f = append(f[:at], append([]byte{byte(rng.Uint32())}, f[at:]...)...)
		case 4: // keep the framing whole, so that the head and the body are reached
			f[at] = byte(rng.Uint32())
		case 5:
			if len(f) >= 4 {
				binary.BigEndian.PutUint32(f, rng.Uint32()>>rng.IntN(32))
			}
			continue
		}
		if len(f) >= 4 && rng.IntN(4) > 0 {
			binary.BigEndian.PutUint32(f, uint32(len(f)-4))
		}
		if len(f) == 0 {
			break
		}
	}
	return f
}

// heapGrowth returns by how much the live heap grew while fn ran, at its end.
func heapGrowth(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.HeapSys - min(before.HeapSys, after.HeapSys)
}

func TestAClaimedLengthCostsNothing(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	defer s.Close()
	lengths := []uint32{0, math.MaxUint32, math.MaxUint32 - 1, 1 << 31, 1<<31 - 1, 5<<20 + 2048, 1 << 24, 1 << 28}
	legal := []uint32{5 << 20, 5<<20 - 1}
	cases := 0
	extra := wiretest.Allocated(func() {
		for _, n := range lengths {
			prefix := binary.BigEndian.AppendUint32(nil, n)
			for _, before := range [][]byte{nil, hello, append(hello, echoRequest(1, "x")...), append(hello, echoRequest(1, "x")...)} {
				got := talk(t, s, before, prefix)
				last := got[len(got)-1]
				require.Zero(t, last.Seq)
				require.Contains(t, []uint64{tooLarge, malformed}, last.Code)
				cases++
			}
		}
		for _, n := range legal { // claimed, and then almost nothing comes
			for range 4 {
				talk(t, s, hello, binary.BigEndian.AppendUint32(nil, n), make([]byte, 10))
				cases++
			}
		}
	})
	require.Less(t, extra, uint64(16<<20))
	requireServing(t, s)
	t.Logf("length prefixes: %d cases, %d KiB allocated in all", cases, extra>>10)
	tally.Add(t, "badinputs", cases)
}

func TestMessagesOutOfPlaceAreAnsweredWithAnError(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	defer s.Close()
	text := cbor.AppendText(nil, "text")
	type wrong struct {
		frames [][]byte
		code   uint64 // of the last answer
		ends   bool   // with a notice
	}
	var cases []wrong
	for _, method := range []string{
		"", ".", "Echo", "Echo.", ".Do", "Echo.do", "Echo.Do.Do", "echo.Do", "No.Such", "wire.Pong", "Echo.Do\x00", "\xff.\xfe", "Half.None",
	} {
		cases = append(cases, wrong{[][]byte{request(1, method, text)}, noMethod, false})
	}
	for _, body := range [][]byte{
		nil, text, {0x00}, {0xf6}, {0x80}, {0xa0, 0x00}, {0x5b, 255, 255, 255, 255, 255, 255, 255, 255}, {0x42, 1}, {0x5f, 0xff}, {0xff}, {0x58, 1, 1}, {0x41, 1, 1},
	} {
		cases = append(cases, wrong{[][]byte{request(1, "Echo.Do", body)}, malformed, false})
	}
	for _, body := range [][]byte{
		nil, text,
		{0x80},
		{0xa1, 0x61, 'X', 0x00},
		{0xa1, 0x61, 'N', 0x60},
		{0xa1, 0x61, 'N', 0xf9, 0, 0},
		{0xa0, 0xa0},
		{0xa2, 0x61, 'N', 0, 0x61, 'N', 0},
		{0xa1, 0x61, 'N', 0x18, 0x02},
		{0xa2, 0x64, 'N', 'o', 't', 'e', 0x60, 0x61, 'N', 0x02},
		{0xa1, 0x61, 'N', 0x1b, 255, 255, 255, 255, 255, 255, 255, 255},
		{0xbf, 0xff},
		{0xc0, 0xa0},
	} {
		cases = append(cases, wrong{[][]byte{request(1, "Half.Do", body)}, malformed, false})
	}
	for _, reply := range [][]byte{
		response(1, 0, "", text), response(1, 2, "overloaded", nil), welcome, response(0, 3, "bye", nil), response(9, 0, "", nil), hello,
		helloOf(1, 2, 1), frame(text), frame([]byte{0}), frame([]byte{0x82}), frame([]byte{0x82, 0x61, 'x', 0x40}), frame([]byte{0x82, 1, 0x61, 'x'}),
		frame([]byte{0x82, 0x18, 1, 0x40}), request(1, strings.Repeat("m", 257), nil),
	} {
		cases = append(cases, wrong{[][]byte{reply}, malformed, true})
	}
	for _, seqs := range [][]uint64{
		{0}, {1, 1}, {2, 1}, {1, 2, 3, 2}, {5, 5}, {math.MaxUint64, 1}, {math.MaxUint64, 0}, {3, 0}, {7, 8, 8}, {9, 8},
	} {
		var frames [][]byte
		for _, seq := range seqs {
			frames = append(frames, echoRequest(seq, "x"))
		}
		cases = append(cases, wrong{frames, malformed, true})
	}
	for i, c := range cases {
		got := talk(t, s, append([][]byte{hello}, c.frames...)...)
		require.Len(t, got, len(c.frames)+1, "case %d", i)
		last := got[len(got)-1]
		require.Equal(t, c.code, last.Code, "case %d: %s", i, last.Text)
		require.Equal(t, c.ends, last.Seq == 0, "case %d", i)
		require.NotEmpty(t, last.Text)
	}
	requireServing(t, s)
	t.Logf("unknown methods, wrong types, replies as requests, repeated numbers: %d cases, all refused", len(cases))
	tally.Add(t, "badinputs", len(cases))
}

func TestWrongFirstFramesAreRefused(t *testing.T) {
	s, _ := newServer(t, wire.ServerOptions{})
	defer s.Close()
	for name, first := range map[string][]byte{
		"another version":      helloOf(2, 1, 0),
		"a kind of no meaning": helloOf(1, 3, 0),
		"a client with a node": helloOf(1, 1, 4),
		"a peer without one":   helloOf(1, 2, 0),
		"a peer":               helloOf(1, 2, 1),
		"a request":            echoRequest(1, "x"),
		"HTTP":                 []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"gob":                  {0x3f, 0xff, 0x81, 0x03, 0x01},
		"a long frame":         frame(make([]byte, 65)),
	} {
		got := talk(t, s, first)
		require.Len(t, got, 1, name)
		require.Zero(t, got[0].Seq, name)
		require.Contains(t, []uint64{refused, tooLarge}, got[0].Code, name)
	}
	require.EqualValues(t, 9, s.Stats().Refused)
	requireServing(t, s)
}

func TestAFloodOfConnectionsIsCappedAndOthersAreServed(t *testing.T) {
	const flood, limit = 1000, 100
	s, _ := newServer(t, wire.ServerOptions{Connections: limit})
	addr := listen(t, s)
	c := dialTCP(t, addr, wire.ClientOptions{})
	var conns []net.Conn
	for range flood {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		conns = append(conns, conn)
		if len(conns)%100 == 0 {
			_, err := echo(t.Context(), c, "served all the while")
			require.NoError(t, err)
		}
	}
	told := 0
	for _, conn := range conns[limit-1:] {
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		all := wiretest.Answers(t, got)
		require.Len(t, all, 1)
		require.EqualValues(t, overloaded, all[0].Code)
		told++
	}
	_, err := wire.Dial(t.Context(), addr, wire.ClientOptions{})
	require.ErrorIs(t, err, wire.ErrOverloaded)
	require.True(t, wire.Definite(err))
	require.EqualValues(t, limit, s.Stats().Open)
	for _, conn := range conns {
		conn.Close()
	}
	require.Eventually(t, func() bool { return s.Stats().Open == 1 }, 5*time.Second, time.Millisecond)
	t.Logf("flood: %d connections against a cap of %d, %d told to go, others served", flood, limit, told)
	tally.Add(t, "badinputs", flood)
}

// Any takes whatever there is, so that nothing but wire bounds it.
type Any struct{}

func (Any) Do(any, *int) error { return nil }

func TestBombsOfCBORAreRefusedBeforeTheyCost(t *testing.T) {
	s := wire.NewServer(wire.ServerOptions{Inline: func(string) bool { return true }})
	require.NoError(t, s.Register("Any", Any{}))
	require.NoError(t, s.Register("Echo", Echo{}))
	nest := func(depth int, open byte) []byte {
		return append(bytes.Repeat([]byte{open}, depth), 0)
	}
	cases := 0
	check := func(name string, body []byte, code uint64, limit uint64) {
		var got []answer
		frame := request(1, "Any.Do", body)
		overhead := uint64(64<<10 + 8*len(frame)) // the pipe's and the reader's own copies
		cost := wiretest.Allocated(func() { got = talk(t, s, hello, frame) })
		require.Len(t, got, 2, name)
		require.Equal(t, code, got[1].Code, "%s: %s", name, got[1].Text)
		require.Less(t, cost, limit+overhead, name)
		cases++
	}
	for _, open := range []byte{0x81, 0xa1} { // a map's key may not nest here: refused all the same
		for _, depth := range []int{17, 32, 33, 1000, 1_000_000} {
			check(fmt.Sprintf("depth %d of %#x", depth, open), nest(depth, open), malformed, 64<<10)
		}
	}
	check("depth 16", nest(16, 0x81), ok, 64<<10)
	for _, major := range []byte{0x40, 0x60, 0x80, 0xa0} {
		for _, n := range []uint64{1 << 20, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, math.MaxUint64} {
			bomb := binary.BigEndian.AppendUint64([]byte{major | 27}, n)
			check(fmt.Sprintf("length %d of %#x", n, major), bomb, malformed, 64<<10)
			check(fmt.Sprintf("length %d of %#x, inside", n, major), append([]byte{0x82, 0}, bomb...), malformed, 64<<10)
		}
	}
	many := func(n int, item ...byte) []byte {
		return append(cbor.AppendArray(nil, n), bytes.Repeat(item, n)...)
	}
	for _, item := range [][]byte{{0x00}, {0x20}, {0x40}, {0x60}, {0x80}, {0xa0}, {0xf4}, {0xf6}, {0x41, 'x'}, {0x61, 'x'}} {
		check(fmt.Sprintf("30,000 times %x", item), many(30_000, item...), ok, 4<<20)
		check(fmt.Sprintf("1,000,000 times %x", item), many(1_000_000, item...), malformed, 64<<10)
	}
	requireServing(t, s)
	t.Logf("CBOR bombs: %d cases within their bounds", cases)
	tally.Add(t, "badinputs", cases)
}

func TestBytesOfLongRequestsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gate := newServer(t, wire.ServerOptions{LongBytes: 1 << 20})
		long := cbor.AppendBytes(nil, make([]byte, 700<<10))
		first, second := attach(t, s), attach(t, s)
		first.Write(append(hello, request(1, "Gate.Pass", long)...))
		synctest.Wait()
		second.Write(append(hello, request(1, "Gate.Pass", long)...))
		second.(*memnet.Conn).CloseWrite()
		got, err := io.ReadAll(second)
		require.NoError(t, err)
		all := wiretest.Answers(t, got)
		require.Len(t, all, 2)
		require.Equal(t, uint64(overloaded), all[1].Code)
		close(gate.opened)
		first.(*memnet.Conn).CloseWrite()
		io.Copy(io.Discard, first)
		synctest.Wait()
		for range 3 {
			got := talk(t, s, hello, request(1, "Echo.Do", long))
			require.Len(t, got, 2)
			require.Equal(t, uint64(ok), got[1].Code, "the bytes are free again")
		}
	})
}

func TestAClientEndsAConnectionThatBreaksTheRules(t *testing.T) {
	for name, answers := range map[string][]byte{
		"reply to a request never made": response(2, ok, "", nil),
		"request as a reply":            request(1, "Echo.Do", nil),
		"second welcome":                welcome,
		"error with a body":             response(1, overloaded, "x", []byte{0}),
		"empty frame":                   {0, 0, 0, 0},
		"length without end":            {255, 255, 255, 255},
		"reply that stops":              response(1, ok, "", nil)[:6],
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := memnet.Pipe()
			defer there.Close()
			there.Write(welcome)
			c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{Bounds: wire.Bounds{Idle: time.Hour, Frame: time.Second}})
			require.NoError(t, err)
			defer c.Close()
			failed := make(chan error, 1)
			go func() {
				_, err := echo(t.Context(), c, "x")
				failed <- err
			}()
			synctest.Wait()
			start := time.Now()
			there.Write(answers)
			err = <-failed
			require.ErrorIs(t, err, wire.ErrBroken, name)
			require.False(t, wire.Definite(err), name)
			require.LessOrEqual(t, time.Since(start), time.Second, name)
		})
	}
}

func TestARepeatedReplyIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := memnet.Pipe()
		there.Write(welcome)
		c, err := wire.NewClient(t.Context(), here, wire.ClientOptions{})
		require.NoError(t, err)
		defer c.Close()
		body := func(s string) []byte { return cbor.AppendBytes(nil, []byte(s)) }
		for seq, text := range []string{"", "first", "second"} {
			if seq == 0 {
				continue
			}
			got := make(chan string, 1)
			go func() {
				text, _ := echo(context.Background(), c, "x")
				got <- text
			}()
			synctest.Wait()
			there.Write(response(1, ok, "", body("first")))
			there.Write(response(uint64(seq), ok, "", body(text)))
			require.Equal(t, text, <-got)
		}
		require.NoError(t, c.Err())
		synctest.Wait()
		require.EqualValues(t, 2, c.Stats().Late)
	})
}
