package bayou_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// How a server gets its name ('97, 4.3).

// bears is what belongs to births, but for what the newborn asks for then.
func bears(l letter) bool {
	switch l.msg.(type) {
	case proto.Bear, proto.Born:
		return true
	}
	return false
}

// wait lets time pass for servers of whose letters only some arrive, until a condition holds.
func (c *cluster) wait(fn func(letter) bool, holds func() bool) {
	c.t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		c.now += 10 * ms
		c.passIf(fn)
	}
	require.FailNow(c.t, "it does not come to pass")
}

// newborn is a server that is told that it was born, by 1, and nothing else.
func (c *cluster) newborn(id int, tune ...func(*bayou.Config)) *node {
	c.t.Helper()
	cfg := quiet(id, 1, 2)
	for _, fn := range tune {
		fn(&cfg)
	}
	n := c.start(id, cfg)
	c.passIf(bears)
	require.NotEmpty(c.t, c.report(id).Name)
	return n
}

// bornTwice is a group of 1 and 2 that both have borne 3, which goes by the name that 2 gave.
func bornTwice(t testing.TB, tune ...func(*bayou.Config)) *cluster {
	c := group(t, 2, tune...)
	c.start(3, quiet(3, 1, 2))
	c.passIf(func(l letter) bool { return l.from == at(3) }) // the answer of 1 is lost
	c.wait(func(l letter) bool { return l.from != at(1) && l.to != at(1) }, func() bool { return c.report(3).Name != "" })
	require.Equal(t, c.report(2).Name, c.report(3).Name.Born().Server)
	return c
}

func hasName(c *cluster, id int) func() bool {
	return func() bool { return c.report(id).Name != "" }
}

func TestTheFirstServerFoundsAndEachOtherIsBornByOneThatIs(t *testing.T) {
	c := family(t, 3)
	require.Equal(t, vector.Root, c.report(1).Name)
	require.True(t, c.report(1).Primary)
	for id := 2; id <= 3; id++ {
		r := c.report(id)
		require.Equal(t, vector.Root, r.Name.Born().Server)
		require.Equal(t, c.report(1).Database, r.Database)
		require.False(t, r.Primary)
	}
	for id := 1; id <= 3; id++ {
		g := c.do(id, kv.Members{}).Result.(kv.Group)
		require.Equal(t, kv.ReplicaID(1), g.Leader)
		require.Equal(t, []kv.Member{
			{ID: 1, Addr: addr(1), Role: kv.Leader}, {ID: 2, Addr: addr(2), Role: kv.Follower}, {ID: 3, Addr: addr(3), Role: kv.Follower},
		}, g.Members)
	}
}

func TestAFounderWaitsUntilAllPeersHaveNoDatabaseOrAreSilent(t *testing.T) {
	for _, others := range [][]int{{}, {2}, {2, 3}} {
		c := newCluster(t)
		c.loud = true
		for _, id := range others {
			c.start(id, quiet(id, 1))
		}
		c.start(1, quiet(1, 2, 3))
		c.pass()
		c.now += tick
		c.pass()
		require.Equal(t, len(others) == 2, c.report(1).Name != "", "%d have said that they have none", len(others))
		c.run(3 * second)
		require.Equal(t, vector.Root, c.report(1).Name)
	}
}

func TestAFounderThatStartsAgainOnAnEmptyDiskIsBornByAnother(t *testing.T) {
	c := group(t, 3)
	c.put(2, "a", "1")
	c.wipe(1).cfg.Peers = quiet(1, 2, 3).Peers
	c.start(1, quiet(1, 2, 3))
	c.pass()
	require.NotEqual(t, vector.Root, c.report(1).Name)
	require.Equal(t, c.report(2).Database, c.report(1).Database)
	c.meet(1, 2, 3)
	require.Equal(t, "a=1", c.all(1))
}

func TestAServerWithoutANameServesNobody(t *testing.T) {
	c := newCluster(t)
	c.start(2, quiet(2, 1))
	c.pass()
	for _, op := range []kv.Op{kv.Get{Key: "a"}, kv.Put{Key: "a"}, kv.Members{}} {
		resp := c.ask(2, op)
		require.Equal(t, kv.Unavailable, resp.Status)
		require.Equal(t, addr(1), resp.Try)
	}
	require.Equal(t, kv.Joining, c.do(2, kv.Inspect{}).Result.(kv.Replica).Role)
}

func TestAServerThatDoesNotKnowItsBirthServesNobodyAndBearsNobody(t *testing.T) {
	c := group(t, 2)
	c.newborn(3)
	require.Equal(t, kv.Unavailable, c.ask(3, kv.Put{Key: "a"}).Status)
	require.Empty(t, c.hear(3, 9, proto.Bear{Place: proto.Place{Node: 9, Life: 9}}))
	c.tell(1, 3)
	c.put(3, "a", "1")
}

func TestABirthIsAnsweredAgainWithTheSameName(t *testing.T) {
	c := group(t, 1)
	bear := proto.Bear{Place: proto.Place{Node: 2, Life: 7, Addr: "x"}}
	first := c.hear(1, 2, bear)
	commit := c.report(1).Commit
	require.Len(t, of[proto.Born](first), 1)
	require.Equal(t, uint64(7), of[proto.Born](first)[0].Life)
	require.Equal(t, of[proto.Born](first), of[proto.Born](c.hear(1, 2, bear)))
	require.Equal(t, commit, c.report(1).Commit)
	bear.Place.Life = 8 // its disk was lost
	require.NotEqual(t, of[proto.Born](first)[0].Name, of[proto.Born](c.hear(1, 2, bear))[0].Name)
}

func TestABirthForAnotherNodeIsNotAnswered(t *testing.T) {
	c := group(t, 1)
	for _, place := range []proto.Place{{Node: 3, Life: 7}, {Node: 2}} {
		require.Empty(t, c.hear(1, 2, proto.Bear{Place: place}))
	}
	require.Equal(t, []int{1}, c.members(1))
}

func TestANameForAnotherLifeIsNotTaken(t *testing.T) {
	c := newCluster(t)
	c.start(2, quiet(2, 1))
	life := of[proto.Bear](c.said(2))[0].Place.Life
	child := name("0.5")
	for what, m := range map[string]proto.Born{
		"another life":   {Database: 3, Life: life + 2, Name: child},
		"no database":    {Life: life, Name: child},
		"the founder's":  {Database: 3, Life: life, Name: vector.Root},
		"a life of zero": {Database: 3, Name: child},
	} {
		c.hear(2, 1, m)
		require.Empty(t, c.report(2).Name, what)
	}
	c.hear(2, 1, proto.Born{Database: 3, Life: life, Name: child})
	require.Equal(t, child, c.report(2).Name)
	c.hear(2, 1, proto.Born{Database: 3, Life: life, Name: name("0.6")})
	require.Equal(t, child, c.report(2).Name, "the first counts")
}

// said is what lies in the mail from a server.
func (c *cluster) said(id int) (all []machine.Data) {
	for _, l := range c.mail {
		if l.from == at(id) && l.to != at(id) {
			all = append(all, l.msg)
		}
	}
	return all
}

func TestAServerThatWasBornTwiceLetsTheOtherRetire(t *testing.T) {
	for how, tune := range map[string]func(*bayou.Config){
		"hearing of the write": func(*bayou.Config) {},
		"hearing of the state": func(c *bayou.Config) { c.Retain = 1 },
	} {
		c := bornTwice(t, tune)
		for range 10 {
			c.put(1, "a", "x")
		}
		require.Equal(t, []int{1, 2, 3}, c.members(1), how)
		c.meet(1, 2, 3)
		if how == "hearing of the state" {
			require.Positive(t, c.report(3).Cost.Transfers)
		}
		for id := 1; id <= 3; id++ {
			require.Equal(t, []int{1, 2, 3}, c.members(id), how)
			require.Len(t, c.report(id).Full, 3, how)
			require.Equal(t, c.report(2).Name, c.report(3).Name.Born().Server, how)
		}
		c.agree(1, 2, 3)
	}
}

func TestTheOtherRetiresWhereverACrashFalls(t *testing.T) {
	c := bornTwice(t)
	before := int(c.nodes[3].seq)
	c.tell(1, 3)
	after := int(c.nodes[3].seq)
	for k := before; k <= after; k++ {
		c := bornTwice(t)
		c.tell(1, 3)
		c.onDisk(c.nodes[3], k)
		c.meet(1, 2, 3)
		require.Equal(t, []int{1, 2, 3}, c.members(1), "%d of %d records", k, after)
	}
	require.Greater(t, after, before+1)
}

func TestOneThatCrashesBeforeItHearsItsNameIsBornOnce(t *testing.T) {
	c := group(t, 1)
	c.start(2, quiet(2, 1))
	for range 5 {
		c.passIf(func(l letter) bool { return l.from == at(2) })
		c.restart(c.nodes[2])
	}
	c.pass()
	require.Equal(t, []int{1, 2}, c.members(1))
}

func TestTheFounderIsAMemberWhereverItsFirstCrashFalls(t *testing.T) {
	for k := range int(family(t, 1).nodes[1].seq) + 1 {
		c := family(t, 1)
		n := c.onDisk(c.nodes[1], k)
		c.pass()
		require.Equal(t, []int{1}, c.members(1), "%d records", k)
		require.Equal(t, vector.Root, c.report(1).Name)
		c.restart(n)
		require.Equal(t, []int{1}, c.members(1), "%d records", k)
	}
}

// Its birth is a write like others: if nobody has it, it was lost with the disk of who made it.
func TestWhoseBirthWasLostIsBornAgainAndKnowsNothingOfBefore(t *testing.T) {
	c := group(t, 2)
	for i := range 10 {
		c.put(2, "a", fmt.Sprint(i))
	}
	c.meet(1, 2)
	c.newborn(3, func(cfg *bayou.Config) { cfg.Interval = 100 * ms })
	first := c.report(3).Name
	c.tell(2, 3) // which does not know of the birth
	require.Greater(t, c.report(3).Commit, uint64(5))
	c.nodes[1].server = nil // with its disk, for all that 3 knows
	c.wait(func(letter) bool { return false }, func() bool { return c.report(3).Name == "" })
	require.Zero(t, c.report(3).Commit)
	require.Empty(t, c.report(3).Full)
	require.Zero(t, len(saved[proto.Learned](c.nodes[3])), "what it has forgotten is not on its disk")

	c.wait(bears, hasName(c, 3))
	require.NotEqual(t, first, c.report(3).Name)
	c.tell(2, 3)
	c.put(3, "b", "y")
	c.meet(2, 3)
	c.agree(2, 3)
	c.restart(c.nodes[3])
	c.agree(2, 3)
	require.Equal(t, "a=9 b=y", c.all(3))
}

func TestALateAnswerToAFormerNameIsNotHeard(t *testing.T) {
	c := group(t, 2)
	for range 3 {
		c.put(2, "a", "x")
	}
	c.meet(1, 2)
	c.newborn(3, func(cfg *bayou.Config) { cfg.Interval, cfg.Batch = 300*ms, 1 })
	c.now += second
	want := of[proto.Want](c.hear(3, 2, c.offer(2)))
	c.tell(2, 3)
	require.Positive(t, c.report(3).Commit)
	want[0].Reach = proto.Reach{Known: c.report(3).Full, Commit: c.report(3).Commit}
	c.put(2, "a", "y")
	late := c.hear(2, 3, want[0])
	require.NotEmpty(t, of[proto.Batch](late)[0].Items)
	c.nodes[1].server = nil
	c.wait(func(letter) bool { return false }, func() bool { return c.report(3).Name == "" })
	c.wait(bears, hasName(c, 3))
	c.hear(3, 2, late[0])
	require.Empty(t, c.report(3).Full, "it would leave a gap")
}

func TestANewbornThatHearsOfAnotherDatabaseBeginsAnewWithoutTheFirst(t *testing.T) {
	c := group(t, 2)
	c.put(2, "a", "of the first")
	c.newborn(3)
	c.tell(2, 3)
	require.Equal(t, c.report(2).Full, c.report(3).Full)
	c.hear(3, 9, proto.Offer{Database: c.report(3).Database + 2})
	require.Empty(t, c.report(3).Name)
	require.Empty(t, c.report(3).Full)
}

func TestAMemberOfAnotherDatabaseIsNotHeardAndItIsSaid(t *testing.T) {
	c := group(t, 2)
	before := c.report(2)
	other := before.Database + 2
	for _, m := range []machine.Data{
		proto.Offer{Database: other, Reach: proto.Reach{Known: before.Full, Commit: 99}},
		proto.Want{Database: other},
		proto.Batch{Database: other},
		proto.Piece{Database: other},
	} {
		require.Empty(t, c.hear(2, 9, m), "%T", m)
		require.Contains(t, c.nodes[2].notes[len(c.nodes[2].notes)-1], "stranger: node 9 belongs to another database")
	}
	require.Empty(t, cmp.Diff(before, c.report(2)))
}

func TestThereAreNoMoreServersThanAllTokensHold(t *testing.T) {
	c := group(t, 1)
	for i := 2; i <= bayou.MaxServers; i++ {
		require.Len(t, c.hear(1, i, proto.Bear{Place: proto.Place{Node: machine.Node(i), Life: uint64(i)}}), 1)
	}
	require.Empty(t, c.hear(1, 99, proto.Bear{Place: proto.Place{Node: 99, Life: 99}}))
	require.Contains(t, c.nodes[1].notes[0], "full: node 99 is not born here: there are 32 servers")
	require.Len(t, c.members(1), bayou.MaxServers)
	require.Len(t, c.hear(1, 5, proto.Bear{Place: proto.Place{Node: 5, Life: 5}}), 1, "who was born is told again")
	token := c.try(1, &kv.Request{Level: kv.Session, Op: kv.Get{Key: "a"}}).Token
	require.Less(t, len(token), kv.MaxToken)
}

func TestOneWhoseNameHasAllLevelsBearsNobodyAndSaysSo(t *testing.T) {
	c := newCluster(t)
	deep := vector.Root
	for i := 1; i < vector.MaxDepth; i++ {
		deep, _ = deep.Child(uint64(i))
	}
	place := proto.Place{Node: 1, Life: 9}
	n := c.onRecords(1, quiet(1), proto.Named{Database: 5, Name: deep, Place: place},
		proto.Learned{Write: proto.Write{ID: deep.Born(), Kind: proto.Birth, Place: place}})
	for range 3 {
		require.Empty(t, c.hear(1, 2, proto.Bear{Place: proto.Place{Node: 2, Life: 3}}))
	}
	require.Equal(t, 1, c.report(1).Tentative)
	require.Contains(t, n.notes[0], "full: node 2 is not born here")
}

func TestOneThatIsToldOfItsBirthAndHasNoPeersWaits(t *testing.T) {
	c := newCluster(t)
	c.onRecords(1, quiet(1), proto.Named{Database: 5, Name: name("0.2"), Place: proto.Place{Node: 1, Life: 9}})
	c.run(2 * second)
	require.Equal(t, kv.Unavailable, c.ask(1, kv.Get{Key: "a"}).Status)
	require.Empty(t, c.ask(1, kv.Get{Key: "a"}).Try)
}

func TestWithoutAnAnswerOnePeerIsAskedAfterTheOther(t *testing.T) {
	c := newCluster(t)
	c.start(4, quiet(4, 1, 2, 3))
	c.mail = slices.DeleteFunc(c.mail, func(l letter) bool { return l.to != at(4) })
	asked := map[machine.Node]int{}
	for range 60 {
		var now []machine.Node
		c.now += tick
		c.passIf(func(l letter) bool {
			if _, ok := l.msg.(proto.Bear); ok {
				now = append(now, l.to.Node)
			}
			return false
		})
		require.Len(t, now, 1, "two that answer would bear it twice")
		asked[now[0]]++
	}
	require.Len(t, asked, 3)
}
