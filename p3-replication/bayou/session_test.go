package bayou_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
)

// Session guarantees ('94), each alone.

var (
	aRead  kv.Op = kv.Get{Key: "a"}
	aWrite kv.Op = kv.Put{Key: "a", Value: []byte("w")}
)

// After the first operation at server 2, the second at server 3, which has not heard of it, is
// not served just where a guarantee that the session wants stands against it.
func TestEachGuaranteeHoldsJustWhatItPromises(t *testing.T) {
	for _, one := range []struct {
		first, second kv.Op
		by            kv.Guarantees
	}{
		{aWrite, aRead, kv.ReadYourWrites},
		{aRead, aRead, kv.MonotonicReads},
		{aRead, aWrite, kv.WritesFollowReads},
		{aWrite, aWrite, kv.MonotonicWrites},
	} {
		for wants := range kv.AllGuarantees + 1 {
			what := fmt.Sprintf("%s, then %s, with guarantees %04b", kv.OpName(one.first), kv.OpName(one.second), wants)
			c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = -1 })
			c.put(2, "a", "of another session")
			resp := c.try(2, &kv.Request{Token: wants.Token(), Op: one.first})
			require.Equal(t, kv.OK, resp.Status, what)
			token := resp.Token
			resp = c.try(3, &kv.Request{Token: token, Op: one.second})
			require.Equal(t, wants&one.by != 0, resp.Status == kv.Unsatisfied, "%s: %s", what, resp)
			c.tell(2, 3)
			resp = c.try(3, &kv.Request{Token: token, Op: one.second})
			require.Equal(t, kv.OK, resp.Status, what)
		}
	}
}

func TestASessionWithoutATokenWantsWhatItsLevelPromises(t *testing.T) {
	for level, held := range map[kv.Level]bool{kv.LevelDefault: true, kv.Session: true, kv.Eventual: false, kv.Prefix: true} {
		c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = -1 })
		token := c.try(2, &kv.Request{Level: level, Op: aWrite}).Token
		resp := c.try(3, &kv.Request{Level: level, Token: token, Op: aWrite})
		require.Equal(t, held, resp.Status == kv.Unsatisfied, "%s: %s", level, resp)
	}
}

func TestAStableReadIsNeverOlderThanAnEarlierOne(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = -1 })
	c.put(1, "a", "1")
	stable := func(id int, token []byte) *kv.Response {
		return c.try(id, &kv.Request{Level: kv.Prefix, Token: token, Op: aRead})
	}
	old := stable(3, nil)
	require.Equal(t, kv.NotFound, old.Status)
	seen := stable(1, old.Token)
	require.Equal(t, kv.OK, seen.Status)
	require.True(t, seen.Stable)
	require.Equal(t, kv.Unsatisfied, stable(3, seen.Token).Status)
	require.Equal(t, kv.NotFound, stable(3, old.Token).Status, "it has seen no more")
	c.tell(1, 3)
	require.Equal(t, kv.OK, stable(3, seen.Token).Status)
	c.put(2, "a", "tentative")
	require.Equal(t, kv.NotFound, stable(2, nil).Status, "what is tentative is not read")
}

func TestAWriteThatFailedIsNotInTheToken(t *testing.T) {
	c := group(t, 2, func(cfg *bayou.Config) { cfg.Tentative = 1 })
	c.put(2, "a", "1")
	token := c.do(2, aRead).Token
	resp := c.try(2, &kv.Request{Token: token, Op: aWrite})
	require.Equal(t, kv.Overloaded, resp.Status, resp.Detail)
	require.Empty(t, resp.Token)
	c.meet(1, 2)
	resp = c.try(2, &kv.Request{Token: token, Op: kv.Guarded{If: "!", Then: []kv.Op{kv.Put{Key: "a"}}}})
	require.Equal(t, kv.Invalid, resp.Status)
	require.Equal(t, token, resp.Token)
	require.NotEqual(t, token, c.try(2, &kv.Request{Token: token, Op: aWrite}).Token, "that of one that was made is")
}

func TestADeleteOfNothingIsAWriteOfItsSession(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = -1 })
	resp := c.try(2, &kv.Request{Op: kv.Delete{Key: "a"}})
	require.Equal(t, kv.NotFound, resp.Status)
	require.Equal(t, kv.Unsatisfied, c.try(3, &kv.Request{Token: resp.Token, Op: aRead}).Status)
}

func TestARequestThatCannotBeServedWaitsUntilItCan(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = 100 * second })
	token := c.do(2, aWrite).Token
	for range 3 {
		require.Nil(t, c.try(3, &kv.Request{Token: token, Op: aWrite}))
	}
	require.Equal(t, 3, c.report(3).Waiting)
	c.tell(1, 3)
	require.Equal(t, 3, c.report(3).Waiting, "1 knows nothing of it")
	c.tell(2, 3)
	require.Zero(t, c.report(3).Waiting)
	n := c.nodes[3]
	for id := n.ids - 2; id <= n.ids; id++ {
		require.Equal(t, kv.OK, n.answers[id].Status)
	}
	require.Greater(t, n.answers[n.ids].Rev.Hi, n.answers[n.ids-2].Rev.Hi, "in the order in which they came")
}

func TestARequestThatHasWaitedForLongIsRefusedWithTheAddressOfOneThatKnowsMore(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Patience = 200 * ms })
	token := c.do(2, aWrite).Token
	c.hear(3, 2, c.offer(2))
	require.Nil(t, c.try(3, &kv.Request{Token: token, Op: aRead}))
	for c.report(3).Waiting > 0 {
		c.now += tick
		c.passIf(func(letter) bool { return false })
	}
	n := c.nodes[3]
	require.Equal(t, kv.Unsatisfied, n.answers[n.ids].Status)
	c.nodes[3].cfg.Patience = -1
	c.restart(n)
	c.now += second
	c.hear(3, 2, c.offer(2))
	require.Equal(t, addr(2), c.try(3, &kv.Request{Token: token, Op: aRead}).Try)
}

func TestARequestThatIsCancelledIsForgotten(t *testing.T) {
	c := group(t, 3)
	token := c.do(2, aWrite).Token
	require.Nil(t, c.try(3, &kv.Request{Token: token, Op: aWrite}))
	c.step(c.nodes[3], machine.Cancel{ID: c.nodes[3].ids})
	require.Zero(t, c.report(3).Waiting)
	before := c.report(3).Tentative
	c.tell(2, 3)
	require.Equal(t, before+1, c.report(3).Tentative, "that of 2")
	require.NotContains(t, c.nodes[3].answers, c.nodes[3].ids)
}

func TestOfTooManyRequestsThatWaitTheOthersAreRefused(t *testing.T) {
	c := group(t, 3, func(cfg *bayou.Config) { cfg.Waiting = 2 })
	token := c.do(2, aWrite).Token
	for range 2 {
		require.Nil(t, c.try(3, &kv.Request{Token: token, Op: aRead}))
	}
	require.Equal(t, kv.Unsatisfied, c.try(3, &kv.Request{Token: token, Op: aRead}).Status)
	require.Equal(t, 2, c.report(3).Waiting)
}

func TestATokenOfAnotherDatabaseIsRefused(t *testing.T) {
	c := group(t, 1)
	token := c.do(1, aWrite).Token
	other := newCluster(t)
	other.rand = 77
	other.start(1, quiet(1))
	other.pass()
	require.NotEqual(t, c.report(1).Database, other.report(1).Database)
	resp := other.try(1, &kv.Request{Token: token, Op: aRead})
	require.Equal(t, kv.Invalid, resp.Status)
	require.Contains(t, resp.Detail, "begin without one")
}

// Bytes that come from outside are no reason to fall: what is no token is refused, what is
// another is another session's.
func FuzzToken(f *testing.F) {
	c := group(f, 2)
	f.Add([]byte{})
	f.Add([]byte{15})
	f.Add(c.do(2, aWrite).Token)
	f.Add(c.ask(1, aRead).Token)
	f.Fuzz(func(t *testing.T, token []byte) {
		c.t = t
		c.nodes[2].cfg.Patience = -1
		before := c.report(2)
		for _, level := range []kv.Level{kv.LevelDefault, kv.Eventual, kv.Prefix} {
			resp := c.try(2, &kv.Request{Level: level, Token: token, Op: aRead})
			if resp == nil {
				c.step(c.nodes[2], machine.Cancel{ID: c.nodes[2].ids})
				continue
			}
			require.Contains(t, []kv.Status{kv.OK, kv.NotFound, kv.Invalid, kv.TooLarge, kv.Unsatisfied}, resp.Status)
			if resp.Status == kv.OK || resp.Status == kv.NotFound {
				again := c.try(1, &kv.Request{Level: kv.Eventual, Token: resp.Token, Op: kv.Stat{}})
				require.True(t, again == nil || again.Status != kv.Invalid, "what a server has given, another takes: %v", again)
				c.step(c.nodes[1], machine.Cancel{ID: c.nodes[1].ids})
			}
		}
		require.Equal(t, before, c.report(2))
	})
}

func TestASessionWhoseTokenWouldBeTooLongIsRefusedBeforeItWrites(t *testing.T) {
	c := newCluster(t)
	deepNames(c, 30)
	read := c.try(1, &kv.Request{Op: aRead})
	require.Equal(t, kv.NotFound, read.Status, "all names fit once")
	before := c.report(1)
	resp := c.try(1, &kv.Request{Token: read.Token, Op: aWrite})
	require.Equal(t, kv.TooLarge, resp.Status)
	require.Equal(t, before, c.report(1))
	require.Equal(t, kv.NotFound, c.try(1, &kv.Request{Token: read.Token, Op: aRead}).Status, "it goes on reading")
}

func TestWhereNoTokenFitsOneCanReadAndWriteWithoutGuarantees(t *testing.T) {
	c := newCluster(t)
	deepNames(c, 33)
	resp := c.try(1, &kv.Request{Op: aRead})
	require.Equal(t, kv.TooLarge, resp.Status)
	require.Contains(t, resp.Detail, "too many servers with long names: ask at level eventual, or with fewer guarantees")
	token := kv.MonotonicWrites.Token()
	for range 2 {
		resp := c.try(1, &kv.Request{Level: kv.Eventual, Op: aWrite})
		require.Equal(t, kv.OK, resp.Status)
		require.Equal(t, kv.OK, c.try(1, &kv.Request{Token: resp.Token, Op: aRead}).Status)
		resp = c.try(1, &kv.Request{Token: token, Op: aWrite})
		require.Equal(t, kv.OK, resp.Status)
		token = resp.Token
	}
}

func TestTokensDoNotGrowWithServersAtWhichTheSessionWroteThatRetired(t *testing.T) {
	c := group(t, 1)
	token := c.do(1, aWrite).Token
	size := len(token)
	for i := 2; i < 80; i++ {
		c.start(i, quiet(i, 1))
		c.pass()
		resp := c.try(i, &kv.Request{Token: token, Op: aWrite})
		require.Equal(t, kv.OK, resp.Status, resp.Detail)
		c.do(i, kv.Change{Remove: kv.ReplicaID(i)})
		c.tell(i, 1)
		c.nodes[i].server = nil
		resp = c.try(1, &kv.Request{Token: resp.Token, Op: aRead})
		require.Equal(t, kv.OK, resp.Status, resp.Detail)
		token = resp.Token
	}
	require.Less(t, len(token), size+60)
}

func TestASessionWaitsForItsOwnWritesAtOneThatRetired(t *testing.T) {
	c := group(t, 3)
	token := c.try(2, &kv.Request{Token: kv.ReadYourWrites.Token(), Op: aWrite}).Token
	c.do(2, kv.Change{Remove: 2})
	c.tell(2, 1)
	resp := c.try(1, &kv.Request{Token: token, Op: aRead})
	require.Equal(t, kv.OK, resp.Status)
	require.Nil(t, c.try(3, &kv.Request{Token: resp.Token, Op: aRead}), "3 knows nothing of 2's write")
	c.tell(1, 3)
	require.Equal(t, kv.OK, c.try(3, &kv.Request{Token: resp.Token, Op: aRead}).Status)
}

func TestASessionCarriesWhatItsGuaranteesNeed(t *testing.T) {
	c := group(t, 3)
	least := len(c.try(2, &kv.Request{Level: kv.Eventual, Op: kv.Inquire{Write: kv.Version{Hi: 1}}}).Token)
	for wants, grows := range map[kv.Guarantees]bool{0: false, kv.ReadYourWrites: true, kv.MonotonicReads: true, kv.WritesFollowReads: true, kv.MonotonicWrites: true} {
		token := c.try(2, &kv.Request{Token: wants.Token(), Op: aWrite}).Token
		token = c.try(2, &kv.Request{Token: token, Op: aRead}).Token
		require.Equal(t, grows, len(token) > least, "%s: %d bytes", wants, len(token))
	}
}
