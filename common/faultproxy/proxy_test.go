package faultproxy_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/faultproxy"
	"dss.example/common/wire/memnet"
)

// everything but cuts, which no byte survives.
var rough = faultproxy.Rates{
	Delay: 0.5, Drop: 0.1, Duplicate: 0.1, Reorder: 0.1, HalfOpen: 0.1, Slow: 0.1, Partition: 0.1,
}

func TestAHealedProxyIsTransparent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		there := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 0, 20).Draw(rt, "there")
		back := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 0, 20).Draw(rt, "back")
		framed := rapid.Bool().Draw(rt, "framed")
		synctest.Test(t, func(t *testing.T) {
			gotThere, gotBack := exchange(t, faultproxy.Config{Rates: rough}, true, pack(there, framed), pack(back, framed))
			requireEqual(rt, pack(there, framed), gotThere)
			requireEqual(rt, pack(back, framed), gotBack)
		})
	})
}

// pack makes each chunk a frame, or leaves it as it is.
func pack(chunks [][]byte, framed bool) (all []byte) {
	for _, b := range chunks {
		if framed {
			b = frame(b)
		}
		all = append(all, b...)
	}
	return all
}

func requireEqual(t require.TestingT, want, got []byte) {
	if !bytes.Equal(want, got) {
		t.Errorf("%d bytes became %d others:\n%.100x\n%.100x", len(want), len(got), want, got)
		t.FailNow()
	}
}

// exchange sends bytes both ways over one connection, ends both streams, and
// returns what arrived.
func exchange(t *testing.T, c faultproxy.Config, healed bool, there, back []byte) (gotThere, gotBack []byte) {
	n := new(memnet.Network)
	server, err := n.Listen("server")
	require.NoError(t, err)
	defer server.Close()
	c.Listen, err = n.Listen("proxy")
	require.NoError(t, err)
	c.Dial = func(ctx context.Context) (net.Conn, error) { return n.Dial(ctx, "server") }
	p := faultproxy.New(c)
	var running sync.WaitGroup
	defer running.Wait()
	defer p.Close()
	running.Go(func() { p.Serve() })
	if healed {
		p.Heal()
	}
	near, err := n.Dial(t.Context(), "proxy")
	require.NoError(t, err)
	far, err := server.Accept()
	require.NoError(t, err)
	var streams sync.WaitGroup
	send := func(conn net.Conn, b []byte) {
		conn.Write(b)
		conn.(*memnet.Conn).CloseWrite()
	}
	streams.Go(func() { send(near, there) })
	streams.Go(func() { send(far, back) })
	streams.Go(func() { gotThere, _ = io.ReadAll(far) })
	streams.Go(func() { gotBack, _ = io.ReadAll(near) })
	streams.Wait()
	near.Close()
	far.Close()
	return gotThere, gotBack
}

func TestAStreamThatIsNotOfFramesIsOnlyDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, prefix := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00", "\x00\x00\x00\x00", "\xff\xff\xff\xff"} {
			// frames, and then something else
			for _, lead := range [][]byte{nil, callsHello} {
				b := append(append(bytes.Clone(lead), prefix...), bytes.Repeat([]byte("any bytes "), 20_000)...)
				start := time.Now()
				there, back := exchange(t, faultproxy.Config{Rates: faultproxy.Rates{
					Delay: 0.5, Drop: 0.1, Duplicate: 0.1, Reorder: 0.2, HalfOpen: 0.1, Slow: 0.2, Partition: 0.1,
				}}, false, b, b)
				requireEqual(t, b, there)
				requireEqual(t, b, back)
				require.NotEqual(t, start, time.Now(), "it was delayed")
			}
		}
	})
}

func TestAnIncompleteFramePassesAtTheEndOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, b := range [][]byte{{0}, {0, 0, 0}, {0, 0, 0, 9}, {0, 0, 0, 9, 1, 2}, append([]byte{0, 9, 0, 0}, make([]byte, 100_000)...)} {
			there, back := exchange(t, faultproxy.Config{}, false, append(bytes.Clone(callsHello), b...), b)
			requireEqual(t, append(bytes.Clone(callsHello), b...), there)
			requireEqual(t, b, back)
		}
	})
}

func TestAFrameHeldBackPassesAtTheEndOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := append(bytes.Clone(peerHello), request(1)...)
		there, back := exchange(t, faultproxy.Config{Rates: faultproxy.Rates{Reorder: 1}}, false, b, b)
		requireEqual(t, b, there)
		requireEqual(t, b, back)
	})
}

func TestALongFrameMeetsAtMostOneHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Partition: 1}}, func(net.Conn, []byte) {})
		c := r.connect(t, peerHello)
		c.Write(frame(make([]byte, 500_000)))
		settle()
		require.Len(t, r.arrivals(), 1)
		require.Equal(t, 1, count(r, faultproxy.Partition))
	})
}

func TestALongFramePassesUnharmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := frame(bytes.Repeat([]byte("long"), 500_000))
		b := append(bytes.Clone(callsHello), long...)
		for _, rates := range []faultproxy.Rates{{Drop: 1}, {Duplicate: 1}, {Reorder: 1}, {Slow: 1}, {Delay: 1}, {Partition: 1}} {
			there, back := exchange(t, faultproxy.Config{Rates: rates}, false, b, b)
			require.True(t, bytes.Equal(b, there), "%+v", rates)
			require.True(t, bytes.Equal(b, back), "%+v", rates)
		}
	})
}

func TestTheAnswerToAnOvertakenRequestMayBeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := func(seq uint64) []byte {
			b := append(response(seq, 0), bytes.Repeat([]byte{byte(seq)}, 300_000)...)
			binary.BigEndian.PutUint32(b, uint32(len(b)-4))
			return b
		}
		answer := func(conn net.Conn, b []byte) { conn.Write(long(seqOf(b))) }
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Reorder: 0.5}}, answer)
		c := r.connect(t, callsHello)
		c.ask(upTo(20)...)
		settle()
		_, others := split(r.arrivals())
		require.NotEmpty(t, others)
		got := c.arrivals()[1:]
		require.ElementsMatch(t, upTo(20), seqs(got))
		for _, a := range got {
			require.Equal(t, string(long(a.seq())), a.Frame)
		}
	})
}

func TestMemoryIsBoundedWhenNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{1000, 60_000, 8 << 20} {
			stuck := make(chan struct{})
			r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 0.5, Reorder: 0.5}}, func(net.Conn, []byte) { <-stuck })
			c := r.connect(t, peerHello)
			var writing sync.WaitGroup
			writing.Go(func() {
				b := frame(make([]byte, size))
				for {
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			})
			settle()
			settle()
			require.Less(t, r.Stats().Bytes, int64(size+memnet.BufferSize+3<<20), "frames of %d bytes", size)
			close(stuck)
			r.Close()
			writing.Wait()
		}
	})
}

func TestHealDeliversWhatWasHeldBackAndForgetsCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rates := range []faultproxy.Rates{{Delay: 1}, {Reorder: 1}, {Duplicate: 1}, {Slow: 1}, {Partition: 1}} {
			for _, kind := range [][]byte{callsHello, peerHello} {
				times := faultproxy.Times{Delay: time.Hour, Longest: time.Hour, Late: time.Hour, Outage: time.Hour}
				r := newRig(t, faultproxy.Config{Rates: rates, Times: times}, nil)
				c := r.connect(t, kind)
				c.ask(1, 2, 3)
				synctest.Wait()
				r.Heal()
				r.Heal()
				synctest.Wait()
				c.ask(4, 5)
				synctest.Wait()
				require.ElementsMatch(t, upTo(5), seqs(r.arrivals()), "%+v", rates)
				require.Len(t, c.arrivals(), 6)
				<-time.After(2 * time.Hour)
				synctest.Wait()
				require.Len(t, r.arrivals(), 5, "%+v", rates)
			}
		}
	})
}

func TestHealCutsWhatWasSilenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{HalfOpen: 1}}, nil)
		silenced, idle := r.connect(t, callsHello), r.connect(t, callsHello)
		silenced.ask(1)
		settle()
		require.False(t, silenced.ended())
		r.Heal()
		synctest.Wait()
		require.True(t, silenced.ended())
		idle.ask(1)
		synctest.Wait()
		require.Len(t, idle.arrivals(), 2)
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := faultproxy.Times{Delay: time.Hour, Longest: time.Hour, Late: time.Hour, Outage: time.Hour}
		for _, rates := range []faultproxy.Rates{
			{}, {Delay: 1}, {Duplicate: 1}, {Reorder: 1}, {HalfOpen: 1}, {Slow: 1}, {Partition: 1},
		} {
			for _, kind := range [][]byte{callsHello, peerHello} {
				r := newRig(t, faultproxy.Config{Rates: rates, Times: times}, func(net.Conn, []byte) {})
				c := r.connect(t, kind)
				c.ask(upTo(100)...)
				synctest.Wait()
				require.NoError(t, r.Close())
				<-c.done
				require.NoError(t, r.Close())
				_, err := r.net.Dial(t.Context(), "proxy")
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			}
		}
	})
}

func TestCloseEndsAGhostThatWaitsForItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 1}}, func(net.Conn, []byte) {})
		c := r.connect(t, callsHello)
		c.ask(1)
		<-time.After(3 * time.Second)
		require.Len(t, r.arrivals(), 2)
		before := time.Now()
		r.Close()
		require.Equal(t, before, time.Now())
	})
}

func TestTooManyConnectionsAreClosedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Connections: 2}, nil)
		first, second, third := r.connect(t, callsHello), r.connect(t, callsHello), r.connect(t, callsHello)
		<-third.done
		require.Equal(t, int64(1), r.Stats().Overflow)
		first.Close()
		synctest.Wait()
		fourth := r.connect(t, callsHello)
		synctest.Wait()
		require.False(t, second.ended())
		require.Len(t, fourth.arrivals(), 1)
	})
}

func TestAClientWithoutServerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Network
		l, err := n.Listen("proxy")
		require.NoError(t, err)
		p := faultproxy.New(faultproxy.Config{
			Listen: l,
			Dial:   func(context.Context) (net.Conn, error) { return nil, errors.New("nobody there") },
		})
		var serving sync.WaitGroup
		serving.Go(func() { p.Serve() })
		conn, err := n.Dial(t.Context(), "proxy")
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err)
		require.NoError(t, p.Close())
		serving.Wait()
	})
}

const (
	codeShutdown = 3
	notice       = 0 // its sequence number
)

func TestANoticePassesWhileItTellsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Slow: 1}}, endAt(3))
		c := r.connect(t, callsHello)
		c.ask(1, 2, 3)
		settle()
		require.Empty(t, cmp.Diff([]uint64{0, 1, 2, notice}, seqs(c.arrivals())))
		require.True(t, c.ended())
	})
}

// endAt answers requests until the one with the number last, which gets a notice
// and the end of the connection.
func endAt(last uint64) func(net.Conn, []byte) {
	return func(conn net.Conn, b []byte) {
		if seqOf(b) < last {
			conn.Write(response(seqOf(b), 0))
			return
		}
		conn.Write(response(notice, codeShutdown))
		conn.Close()
	}
}

func TestANoticeAfterALostAnswerBecomesACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 1, Rates: faultproxy.Rates{Drop: 0.1}}, endAt(100))
		c := r.connect(t, callsHello)
		for _, seq := range upTo(99) {
			c.ask(seq)
		}
		settle()
		for seq := uint64(100); !c.ended(); seq++ { // one of them arrives
			c.ask(seq)
			settle()
		}
		require.Less(t, len(c.arrivals()), 100)
		require.NotContains(t, seqs(c.arrivals())[1:], uint64(notice))
		require.Equal(t, 1, count(r, faultproxy.Cut))
	})
}

func TestANoticeAfterACopyOrADetourBecomesACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rates := range []faultproxy.Rates{{Duplicate: 0.2}, {Reorder: 0.2}} {
			r := newRig(t, faultproxy.Config{Rates: rates}, endAt(50))
			c := r.connect(t, callsHello)
			c.ask(upTo(49)...)
			settle()
			for seq := uint64(50); !c.ended(); seq++ {
				c.ask(seq)
				settle()
			}
			require.NotContains(t, seqs(c.arrivals())[1:], uint64(notice))
		}
	})
}

func TestTheRefusalOfACopiedRequestBecomesACut(t *testing.T) {
	const codeOverloaded = 2
	synctest.Test(t, func(t *testing.T) {
		refuse := func(conn net.Conn, b []byte) { conn.Write(response(seqOf(b), codeOverloaded)) }
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 1}}, refuse)
		c := r.connect(t, callsHello)
		c.ask(1)
		settle()
		require.True(t, c.ended())
		require.Len(t, c.arrivals(), 1)

		r = newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Drop: 0.001}}, refuse)
		c = r.connect(t, callsHello)
		c.ask(1)
		settle()
		require.Len(t, c.arrivals(), 2, "other refusals pass")
	})
}
