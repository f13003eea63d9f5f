package bayou_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"

	"dss.example/p3-replication/bayou"
)

// The office of the primary does not end with who retires.

// acquainted is a group of three in which everybody may ask everybody at any time.
func acquainted(t testing.TB, tune ...func(*bayou.Config)) *cluster {
	c := group(t, 3, tune...)
	for _, id := range []int{2, 3} {
		c.nodes[id].cfg.Peers = quiet(id, 1, 5-id).Peers
		c.restart(c.nodes[id])
	}
	return c
}

func TestAnOfficeIsNotLostWithAnHeirThatHasRetired(t *testing.T) {
	c := acquainted(t)
	c.do(2, kv.Change{Remove: 2})
	c.meet(2, 3)
	require.False(t, c.report(2).Gone, "the primary may not have heard of it")
	c.do(1, kv.Transfer{To: 2})
	c.tell(1, 2)
	require.False(t, c.report(2).Gone, "the office goes to another, and only this server knows it")
	c.meet(1, 2, 3)
	require.True(t, c.report(2).Gone)
	c.nodes[2].server = nil
	c.meet(1, 3)
	require.NotEqual(t, c.report(1).Primary, c.report(3).Primary)
	c.put(3, "a", "1")
	c.meet(1, 3)
	require.Equal(t, "a=1", c.stable(3))
	c.agree(1, 3)
	c.oneOrder(1, 2, 3)
}

func TestAnHeirThatHasRetiredMayCrashAtAnyTime(t *testing.T) {
	play := func() (c *cluster, before int) {
		c = acquainted(t)
		c.do(2, kv.Change{Remove: 2})
		before = int(c.nodes[2].seq)
		c.do(1, kv.Transfer{To: 2})
		c.tell(1, 2)
		return c, before
	}
	c, before := play()
	after := int(c.nodes[2].seq)
	require.Greater(t, after, before)
	for k := before; k <= after; k++ {
		c, _ := play()
		c.onDisk(c.nodes[2], k)
		c.meet(1, 2, 3)
		require.True(t, c.report(2).Gone, "%d of %d records", k, after)
		c.restart(c.nodes[2])
		c.meet(1, 2, 3)
		require.True(t, c.report(2).Gone, "%d of %d records", k, after)
		require.Zero(t, c.report(3).Tentative)
		require.True(t, c.report(1).Primary)
		c.agree(1, 3)
		c.oneOrder(1, 2, 3)
	}
}

// Numbers that come from elsewhere come without an office.
func TestWithAnOrderFromElsewhereWhoHasRetiredIsGoneWhenAnotherKnowsIt(t *testing.T) {
	c := acquainted(t, func(cfg *bayou.Config) { cfg.Order = "sequencer" })
	c.do(2, kv.Change{Remove: 2})
	c.meet(2, 3)
	require.True(t, c.report(2).Gone)
}

// Who has heard of the retirement does not count the retired server among its peers any more.
func TestWhoHasRetiredLearnsThatItMayGoFromThoseWhoHaveForgottenIt(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Interval = 100 * ms })
	c.do(2, kv.Change{Remove: 2})
	c.tell(2, 1)
	require.Empty(t, c.nodes[1].server.Peers())
	c.loud = true
	c.run(second)
	require.True(t, c.report(2).Gone)
}

// The primary has heard of one of two births of a server, which goes by the name of the other.
func TestAnOfficeThatIsGivenToAnotherNameOfAServerIsNotLost(t *testing.T) {
	c := bornTwice(t)
	c.do(1, kv.Transfer{To: 3})
	c.put(3, "a", "1")
	c.meet(1, 2, 3)
	require.Equal(t, "a=1", c.stable(2))
	require.Equal(t, []int{1, 2, 3}, c.members(1))
	c.agree(1, 2, 3)
	c.oneOrder(1, 2, 3)
}
