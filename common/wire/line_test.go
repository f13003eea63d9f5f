package wire_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
)

func TestAQueuedFrameLeavesWithTheNextFlushOrSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 3)
		one, two, three := g.start(1, wire.PeerOptions{}), g.start(2, wire.PeerOptions{}), g.start(3, wire.PeerOptions{})
		advance(time.Second)
		two.take()
		three.take()
		require.True(t, one.peers.Queue(2, []byte("a")))
		require.True(t, one.peers.Queue(2, []byte("b")))
		require.True(t, one.peers.Queue(3, []byte("c")))
		synctest.Wait()
		require.Empty(t, two.take(), "nobody has let it go")
		one.peers.Flush()
		one.peers.Flush()
		synctest.Wait()
		require.Equal(t, []string{"1: a", "1: b"}, two.take())
		require.Equal(t, []string{"1: c"}, three.take())

		require.True(t, one.peers.Queue(2, []byte("d")))
		require.True(t, one.peers.Send(2, []byte("e")))
		synctest.Wait()
		require.Equal(t, []string{"1: d", "1: e"}, two.take())
		require.False(t, one.peers.Queue(4, []byte("nobody")))
		require.EqualValues(t, 1, one.peers.Stats().Dropped)
		require.EqualValues(t, 5, one.peers.Stats().Sent)
	})
}

func TestWhatWasFlushedWithoutAConnectionLeavesWithTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 2)
		one := g.start(1, wire.PeerOptions{})
		require.True(t, one.peers.Queue(2, []byte("early")))
		one.peers.Flush()
		synctest.Wait()
		two := g.start(2, wire.PeerOptions{})
		advance(5 * time.Second)
		require.Contains(t, two.take(), "1: early")
	})
}

func TestANodeThatWasRemovedIsNotFlushedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 3)
		one, two, three := g.start(1, wire.PeerOptions{}), g.start(2, wire.PeerOptions{}), g.start(3, wire.PeerOptions{})
		advance(time.Second)
		two.take()
		three.take()
		one.peers.Queue(2, []byte("gone"))
		one.peers.Queue(3, []byte("stays"))
		one.peers.Remove(2)
		one.peers.Flush()
		synctest.Wait()
		require.Equal(t, []string{"1 up false"}, two.take())
		require.Equal(t, []string{"1: stays"}, three.take())
	})
}
