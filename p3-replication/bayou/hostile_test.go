package bayou_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// Servers believe each other's writes. But one that lies makes none of the others fall, or grow
// for ever, or say and save what nobody can read.

// liar says whatever has the form of a message.
type liar struct{ *rand.Rand }

func (l liar) server() vector.Server {
	s := vector.Root
	for range l.IntN(4) {
		s, _ = s.Child(l.time())
	}
	return s
}

func (l liar) time() uint64 {
	if l.IntN(20) == 0 {
		return vector.MaxTime
	}
	return 1 + l.Uint64N(30)
}

func (l liar) stamp() vector.Stamp { return vector.Stamp{Time: l.time(), Server: l.server()} }

func (l liar) commit() uint64 {
	if l.IntN(20) == 0 {
		return 1 << 62
	}
	return l.Uint64N(30)
}

func (l liar) vector() (v vector.Vector) {
	for range l.IntN(6) {
		v.Raise(l.stamp())
	}
	return v
}

func (l liar) reach() proto.Reach { return proto.Reach{Known: l.vector(), Commit: l.commit()} }

func (l liar) place() proto.Place {
	return proto.Place{Node: machine.Node(1 + l.Uint64N(4)<<l.IntN(63)), Life: l.Uint64N(4), Addr: "x"}
}

func (l liar) write() *proto.Write {
	w := &proto.Write{ID: l.stamp(), Kind: proto.Kind(1 + l.IntN(4))}
	switch w.Kind {
	case proto.Update:
		w.Update = []proto.Change{{Key: string(rune('a' + l.IntN(3))), Value: []byte("lie")}, {Key: "d", Delete: true}}
		w.Check, w.Merge = []string{"", "a", "b=1"}[l.IntN(3)], []string{"", "a=1;b=1", "="}[l.IntN(3)]
	case proto.Birth:
		w.Place = l.place()
	case proto.Handover:
		w.Heir = l.server()
	}
	return w
}

func (l liar) items() (all []proto.Item) {
	for range l.IntN(8) {
		it := proto.Item{Commit: l.commit()}
		if it.Commit == 0 || l.IntN(2) == 0 {
			it.Write = l.write()
			it.ID = it.Write.ID
		} else {
			it.ID = l.stamp()
		}
		all = append(all, it)
	}
	return all
}

func (l liar) part() proto.Part {
	p := proto.Part{At: proto.Cursor{Commit: l.commit()}, Sure: l.vector()}
	if l.IntN(2) == 0 {
		p.At.From = "k"
	}
	place := l.place()
	for _, pair := range []proto.Pair{
		{Key: "kx", Value: []byte("no item")},
		{Key: "p", Value: []byte(l.server())},
		{Key: "s" + string(l.server()), Value: proto.AppendPlace(nil, &place)},
		{Key: "z"},
	} {
		if l.IntN(3) == 0 {
			p.Pairs = append(p.Pairs, pair)
		}
	}
	if l.IntN(3) == 0 {
		p.Next = "zz"
	}
	return p
}

func (l liar) ids() (all []vector.Stamp) {
	for range l.IntN(5) {
		all = append(all, l.stamp())
	}
	return all
}

// message is one of all kinds, to a server of a database that has lived that life.
func (l liar) message(database, life uint64) machine.Data {
	if l.IntN(20) == 0 {
		database, life = l.Uint64N(3), l.Uint64()
	}
	switch l.IntN(9) {
	case 0:
		return proto.Offer{Database: database, Reach: l.reach()}
	case 1:
		return proto.Want{Database: database, Life: life, Reach: l.reach(), State: proto.Cursor{Commit: l.commit(), From: "kb"}}
	case 2, 3, 4:
		return proto.Batch{Database: database, Life: life, Items: l.items(), More: l.IntN(2) == 0, Reach: l.reach()}
	case 5:
		return proto.Piece{Database: database, Life: life, Part: l.part(), Reach: l.reach()}
	case 6:
		return proto.Bear{Place: l.place()}
	case 7:
		return proto.Born{Database: database, Life: l.Uint64N(3), Name: l.server()}
	}
	return []machine.Data{proto.Ordered{First: 1 + l.commit(), IDs: l.ids()}, proto.Propose{IDs: l.ids()}, proto.Tick{}, proto.Flush{}, proto.Saved{Record: l.Uint64N(30)}}[l.IntN(5)]
}

func TestAServerAmongLiarsStandsAndSpeaksSoThatOthersCanRead(t *testing.T) {
	tried := 0
	for seed := range uint64(60) {
		l := liar{rand.New(rand.NewPCG(seed, 7))}
		c := group(t, 2, func(cfg *bayou.Config) {
			cfg.Keep, cfg.Retain, cfg.Tick, cfg.Interval = 2000, 3, tick, 100*ms
			if seed%5 == 0 {
				cfg.Order = "sequencer"
			}
		})
		life := c.life(2, 1)
		for range 60 {
			m, err := proto.DecodeMessage(l.message(c.report(2).Database, life).AppendTo(nil))
			if err != nil {
				continue // others do not hear it
			}
			from := machine.Addr{Node: machine.Node(1 + l.IntN(4)), Role: role}
			if _, ok := m.(proto.Ordered); ok {
				from = machine.Addr{Node: 2, Role: "sequencer"}
			} else if from.Node == 2 {
				from.Role = "other"
			}
			out := c.step(c.nodes[2], machine.Recv{From: from, Msg: m})
			require.Less(t, len(out.Send)+len(out.Note), 20, "seed %d: %#v", seed, m)
			tried++
			if l.IntN(4) == 0 {
				c.try(2, request(2, int(l.Uint64N(9)), l.Rand).(*kv.Request))
			}
			if l.IntN(10) == 0 {
				c.now += 50 * ms
				c.passIf(func(letter) bool { return false })
			}
			r := c.report(2)
			require.LessOrEqual(t, max(len(r.Full), len(r.Committed), len(r.Omitted)), vector.MaxServers)
		}
		full, named := c.nodes[2].server.Hash(state.Full), c.report(2).Name
		c.restart(c.nodes[2])
		if c.report(2).Name == named && named != "" {
			require.Equal(t, full, c.nodes[2].server.Hash(state.Full), "seed %d: what it has taken in, it can load", seed)
		}
		require.NotContains(t, fmt.Sprint(c.nodes[2].notes), "damaged", "seed %d", seed)
	}
	require.Greater(t, tried, 2000)
	tally.Add(t, "badinputs", tried)
}

func TestServersOfManyNamesDoNotMakeAVectorThatNobodyReads(t *testing.T) {
	c := group(t, 2)
	r, life := c.report(2), c.life(2, 1)
	var items []proto.Item
	for i := range 200 {
		w := proto.Write{ID: vector.Stamp{Time: uint64(10 + i), Server: vector.Root}, Kind: proto.Birth, Place: proto.Place{Node: 9, Life: uint64(i)}}
		items = append(items, proto.Item{ID: w.ID, Write: &w})
	}
	c.hear(2, 1, proto.Batch{Database: r.Database, Life: life, Items: items})
	require.Len(t, c.report(2).Full, vector.MaxServers)
	require.Contains(t, fmt.Sprint(c.nodes[2].notes), "violated")
	c.put(2, "a", "1")
	c.restart(c.nodes[2])
	require.Equal(t, "a=1", c.all(2))
}

func TestAWriteOfAServerThatWasNotBornIsNotTaken(t *testing.T) {
	c := group(t, 2)
	before := c.report(2)
	w := proto.Write{ID: vector.Stamp{Time: 20, Server: name("0.2.9")}, Kind: proto.Update, Update: []proto.Change{{Key: "a"}}}
	c.hear(2, 1, proto.Batch{Database: before.Database, Life: c.life(2, 1), Items: []proto.Item{{ID: w.ID, Write: &w}}})
	require.Empty(t, cmp.Diff(before, c.report(2), cmpopts.IgnoreFields(before, "Cost")))
	require.Contains(t, fmt.Sprint(c.nodes[2].notes), "its server was not born")
}

func TestANumberForAWriteThatNobodyHasSentIsNotTaken(t *testing.T) {
	c := group(t, 2)
	before := c.report(2)
	c.hear(2, 1, proto.Batch{Database: before.Database, Life: c.life(2, 1), Items: []proto.Item{{Commit: before.Commit + 1, ID: vector.Stamp{Time: 20, Server: vector.Root}}}})
	require.Empty(t, cmp.Diff(before, c.report(2), cmpopts.IgnoreFields(before, "Cost")))
	require.Contains(t, fmt.Sprint(c.nodes[2].notes), "violated: number")
}

func TestAfterTheLastTimeOfAllClocksAServerReadsAndRefusesWrites(t *testing.T) {
	c := group(t, 2)
	w := proto.Write{ID: vector.Stamp{Time: vector.MaxTime, Server: vector.Root}, Kind: proto.Update, Update: []proto.Change{{Key: "a", Value: []byte("last")}}}
	c.hear(2, 1, proto.Batch{Database: c.report(2).Database, Life: c.life(2, 1), Items: []proto.Item{{ID: w.ID, Write: &w}}})
	for range 2 {
		require.Equal(t, "a=last", c.all(2))
		resp := c.ask(2, kv.Put{Key: "a"})
		require.Equal(t, kv.Unavailable, resp.Status)
		require.Contains(t, resp.Detail, "come to its end")
		require.Equal(t, kv.Unavailable, c.ask(2, kv.Change{Remove: 2}).Status)
		require.Empty(t, c.hear(2, 9, proto.Bear{Place: proto.Place{Node: 9, Life: 9}}))
		c.restart(c.nodes[2])
	}
}

func TestWhatANodeTellsItselfIsNotHeardOfOthersNorOtherRoles(t *testing.T) {
	c := group(t, 2)
	before := c.report(2)
	for _, from := range []machine.Addr{at(1), at(9), {Node: 2, Role: "other"}, {Node: 1, Role: "other"}} {
		for _, m := range []machine.Data{proto.Tick{}, proto.Flush{}, proto.Saved{Record: c.nodes[2].seq}, proto.Ordered{First: 1, IDs: births(2)}} {
			require.Empty(t, cmp.Diff(machine.Out{}, *c.step(c.nodes[2], machine.Recv{From: from, Msg: m})), "%T from %v", m, from)
		}
	}
	out := c.step(c.nodes[2], machine.Recv{From: machine.Addr{Node: 1, Role: "other"}, Msg: c.offer(1)})
	require.Empty(t, cmp.Diff(machine.Out{}, *out))
	require.Empty(t, cmp.Diff(before, c.report(2)))
}
