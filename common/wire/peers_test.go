package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"
)

// node is one member of a group in memory.
type node struct {
	id     machine.Node
	peers  *wire.Peers
	server *wire.Server

	mu  sync.Mutex
	got []string // frames and hints, in order
}

func (n *node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, fmt.Sprintf(format, args...))
}

// take returns what was noted since the last take.
func (n *node) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.got
	n.got = nil
	return got
}

func nameOf(id machine.Node) string { return fmt.Sprintf("n%d", id) }

// group is a network in memory with the given number of nodes' addresses.
type group struct {
	t       testing.TB
	network memnet.Network
	addrs   map[machine.Node]string
}

func newGroup(t testing.TB, size machine.Node) *group {
	g := &group{t: t, addrs: make(map[machine.Node]string)}
	for id := machine.Node(1); id <= size; id++ {
		g.addrs[id] = nameOf(id)
	}
	return g
}

// start starts a node; what o leaves open is filled in.
func (g *group) start(id machine.Node, o wire.PeerOptions) *node {
	n := &node{id: id}
	o.Self, o.Addrs = id, g.addrs
	if o.Dial == nil {
		o.Dial = g.network.Dial
	}
	if o.Receive == nil {
		o.Receive = func(from machine.Node, b []byte) { n.note("%d: %s", from, b) }
	}
	o.Link = func(peer machine.Node, up bool) { n.note("%d up %v", peer, up) }
	n.peers = wire.NewPeers(o)
	n.server = wire.NewServer(wire.ServerOptions{Peers: n.peers, Log: o.Log})
	l, err := g.network.Listen(nameOf(id))
	require.NoError(g.t, err)
	go n.server.Serve(l)
	g.t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	n.peers.Close()
	n.server.Close()
}

func TestPeersExchangeFramesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one, two := g.start(1, wire.PeerOptions{}), g.start(2, wire.PeerOptions{})
		advance(time.Second)
		require.Equal(t, []string{"2 up true"}, one.take())
		require.Equal(t, []string{"1 up true"}, two.take())
		var want []string
		for i := range 1000 {
			require.True(t, one.peers.Send(2, fmt.Appendf(nil, "frame %d", i)))
			want = append(want, fmt.Sprintf("1: frame %d", i))
		}
		require.True(t, two.peers.Send(1, []byte("back")))
		synctest.Wait()
		require.Empty(t, cmp.Diff(want, two.take()))
		require.Equal(t, []string{"2: back"}, one.take())
		require.EqualValues(t, 1000, one.peers.Stats().Sent)
		require.EqualValues(t, 1000, two.peers.Stats().Received)
	})
}

func TestLongFramesInARowArriveWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one, two := g.start(1, wire.PeerOptions{}), g.start(2, wire.PeerOptions{})
		advance(time.Second)
		var want []string
		for i, size := range []int{20 << 10, 300 << 10, 100 << 10, 10, 600 << 10, 17 << 10, 300 << 10} {
			frame := bytes.Repeat([]byte{'a' + byte(i)}, size)
			require.True(t, one.peers.Send(2, frame))
			want = append(want, fmt.Sprintf("1: %s", frame))
		}
		advance(time.Second)
		got := two.take()
		require.True(t, slices.Equal(want, got[len(got)-len(want):]))
	})
}

func TestAPanicOnAFrameCostsItsConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 3)
		var logged lockedBuffer
		var got []string
		two := g.start(2, wire.PeerOptions{
			Log: slog.New(slog.NewTextHandler(&logged, nil)),
			Receive: func(from machine.Node, b []byte) {
				if string(b) == "bomb" {
					panic("on purpose")
				}
				got = append(got, fmt.Sprintf("%d: %s", from, b))
			},
		})
		one, three := g.start(1, wire.PeerOptions{}), g.start(3, wire.PeerOptions{})
		advance(5 * time.Second)
		one.take()
		three.take()
		for _, text := range []string{"first", "bomb"} {
			require.True(t, one.peers.Send(2, []byte(text)))
			advance(5 * time.Second)
		}
		require.Equal(t, []string{"2 up false", "2 up true"}, one.take())
		require.True(t, one.peers.Send(2, []byte("second")))
		synctest.Wait()
		require.True(t, three.peers.Send(2, []byte("third")))
		synctest.Wait()
		require.Equal(t, []string{"1: first", "1: second", "3: third"}, got)
		require.Empty(t, three.take(), "the others' connections stay")
		require.EqualValues(t, 1, two.server.Stats().Panics)
		require.Contains(t, logged.String(), "on purpose")
		require.Contains(t, logged.String(), "peer=1")
	})
}

func TestWhatIsSentBeforeTheLinkIsUpArrivesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{})
		require.True(t, one.peers.Send(2, []byte("early")))
		advance(time.Minute)
		two := g.start(2, wire.PeerOptions{})
		advance(2 * time.Second)
		require.Contains(t, two.take(), "1: early")
	})
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	for name, o := range map[string]wire.PeerOptions{
		"frames": {QueueFrames: 10},
		"bytes":  {QueueBytes: 10 * (4 + 100)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, 2)
				one := g.start(1, o)
				for i := range 30 {
					require.Equal(t, i < 10, one.peers.Send(2, make([]byte, 100)))
				}
				stats := one.peers.Stats()
				require.EqualValues(t, 10, stats.Sent)
				require.EqualValues(t, 20, stats.Dropped)
			})
		})
	}
}

func TestAPeerThatDoesNotReadCostsItsQueueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 3)
		stuck := make(chan struct{})
		one := g.start(1, wire.PeerOptions{QueueBytes: 1 << 20, Bounds: wire.Bounds{Write: time.Minute}})
		g.start(2, wire.PeerOptions{Receive: func(machine.Node, []byte) { <-stuck }})
		three := g.start(3, wire.PeerOptions{})
		advance(time.Second)
		three.take()
		frame := make([]byte, 100<<10)
		for range 100 {
			one.peers.Send(2, frame)
			synctest.Wait()
		}
		require.True(t, one.peers.Send(3, []byte("others are served")))
		synctest.Wait()
		require.Equal(t, []string{"1: others are served"}, three.take())
		require.Greater(t, one.peers.Stats().Dropped, int64(50))
		close(stuck)
	})
}

func TestSendingGoesOnAfterAConnectionThatBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		stuck := make(chan struct{})
		one := g.start(1, wire.PeerOptions{})
		two := g.start(2, wire.PeerOptions{Receive: func(machine.Node, []byte) { <-stuck }})
		advance(time.Second)
		for range 100 { // the last ones wait behind a write that does not end
			one.peers.Send(2, make([]byte, 100<<10))
			synctest.Wait()
		}
		close(stuck)
		two.stop()
		advance(time.Second)
		two = g.start(2, wire.PeerOptions{})
		advance(5 * time.Second)
		two.take()
		one.peers.Send(2, []byte("on we go"))
		synctest.Wait()
		require.Equal(t, []string{"1: on we go"}, two.take())
	})
}

func TestFramesForNobodyAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{Bounds: wire.Bounds{Message: 100}})
		for to, frame := range map[machine.Node][]byte{0: {1}, 1: {1}, 3: {1}} {
			require.False(t, one.peers.Send(to, frame))
		}
		require.False(t, one.peers.Send(2, nil))
		require.False(t, one.peers.Send(2, make([]byte, 101)))
		require.EqualValues(t, 5, one.peers.Stats().Dropped)
		require.True(t, one.peers.Send(2, make([]byte, 100)))
	})
}

func TestAPeerThatComesBackIsDialledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one, two := g.start(1, wire.PeerOptions{MaxBackoff: time.Hour}), g.start(2, wire.PeerOptions{})
		advance(time.Second)
		one.take()
		two.stop()
		advance(6 * time.Hour)
		require.Equal(t, []string{"2 up false"}, one.take())
		require.Less(t, one.peers.Stats().Dials, int64(50))
		two = g.start(2, wire.PeerOptions{})
		synctest.Wait()
		require.Equal(t, []string{"2 up true"}, one.take(), "it had dialled us")
		require.True(t, one.peers.Send(2, []byte("again")))
		synctest.Wait()
		require.Contains(t, two.take(), "1: again")
	})
}

func TestDiallingBacksOffWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		g := newGroup(t, 2)
		n := g.start(1, wire.PeerOptions{
			MinBackoff: 10 * time.Millisecond, MaxBackoff: time.Second,
			Dial: func(context.Context, string) (net.Conn, error) {
				at = append(at, time.Since(start))
				return nil, net.ErrClosed
			},
		})
		advance(20 * time.Second)
		n.stop()
		even := true
		for i := 1; i < len(at); i++ {
			wait := min(10*time.Millisecond<<(i-1), time.Second)
			pause := at[i] - at[i-1]
			require.GreaterOrEqual(t, pause, wait/2)
			require.LessOrEqual(t, pause, wait)
			even = even && pause == wait
		}
		require.Greater(t, len(at), 20)
		require.False(t, even, "no jitter")
	})
}

func TestANewerConnectionOfAPeerReplacesTheOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{})
		older, newer := attach(t, one.server), attach(t, one.server)
		for i, conn := range []net.Conn{older, newer} {
			conn.Write(append(helloOf(1, 2, 2), frame(fmt.Appendf(nil, "connection %d", i))...))
			synctest.Wait()
		}
		older.Write(frame([]byte("half dead")))
		newer.Write(frame([]byte("alive")))
		synctest.Wait()
		require.Equal(t, []string{"2: connection 0", "2: connection 1", "2: alive"}, one.take())
	})
}

func TestStrangersAreNoPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{})
		for _, id := range []uint64{1, 3, 1 << 63} {
			got := talk(t, one.server, helloOf(1, 2, id), frame([]byte("x")))
			require.Len(t, got, 1)
			require.Equal(t, uint64(refused), got[0].Code)
		}
		got := talk(t, one.server, helloOf(1, 2, 2), frame([]byte("x")), binary.BigEndian.AppendUint32(nil, 6<<20))
		require.Len(t, got, 2)
		require.Equal(t, uint64(tooLarge), got[1].Code)
		require.Equal(t, []string{"2: x"}, one.take())
	})
}

func TestPeersCanBeAddedMovedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{})
		g.addrs = map[machine.Node]string{1: nameOf(1)}
		three := g.start(3, wire.PeerOptions{})
		require.False(t, one.peers.Send(3, []byte("too early")))
		one.peers.Add(3, "a wrong address")
		advance(time.Second)
		one.peers.Add(3, nameOf(3))
		three.take()
		one.peers.Add(1, "itself")
		one.peers.Add(0, "nobody")
		require.True(t, one.peers.Send(3, []byte("welcome")))
		advance(5 * time.Second)
		require.Contains(t, three.take(), "1: welcome")
		one.take()
		one.peers.Remove(3)
		synctest.Wait()
		require.Equal(t, []string{"3 up false"}, one.take())
		require.False(t, one.peers.Send(3, []byte("x")))
		three.peers.Send(1, []byte("still a peer?"))
		advance(5 * time.Second)
		require.Empty(t, one.take())
	})
}

func TestClosedPeersTakeAndSendNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one, two := g.start(1, wire.PeerOptions{}), g.start(2, wire.PeerOptions{})
		advance(time.Second)
		one.peers.Close()
		require.False(t, one.peers.Send(2, []byte("x")))
		one.peers.Add(2, nameOf(2))
		require.False(t, one.peers.Send(2, []byte("x")))
		synctest.Wait()
		require.Equal(t, []string{"1 up true", "1 up false"}, two.take())
	})
}

func BenchmarkPeers(b *testing.B) {
	received := make(chan struct{})
	left := b.N
	p1 := wire.NewPeers(wire.PeerOptions{
		Self: 1, Addrs: map[machine.Node]string{2: "127.0.0.1:1"},
		Receive: func(machine.Node, []byte) {
			if left--; left == 0 {
				close(received)
			}
		},
	})
	defer p1.Close()
	s := wire.NewServer(wire.ServerOptions{Peers: p1})
	p2 := wire.NewPeers(wire.PeerOptions{
		Self: 2, Addrs: map[machine.Node]string{1: listen(b, s)}, Receive: func(machine.Node, []byte) {},
	})
	defer p2.Close()
	frame := make([]byte, 100)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for !p2.Send(1, frame) {
			runtime.Gosched()
		}
	}
	<-received
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}
