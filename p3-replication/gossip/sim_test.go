package gossip_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/vector"
)

// world is five sites of a Config in the simulator.
func world(c gossip.Config, faults sim.Faults) *sim.Config {
	c.Peers, c.Period = nodes(5), 50*machine.Millisecond
	cfg := &sim.Config{Faults: faults, Events: 1 << 40}
	for _, n := range c.Peers {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: n, Roles: []sim.Role{{Name: role, Protocol: gossip.Protocol(), Config: c.AppendTo(nil)}}})
	}
	return cfg
}

// ways are the Configs of which each alone brings all sites together.
func ways() map[string]gossip.Config {
	all := map[string]gossip.Config{
		"push":             {Entropy: gossip.Push, Compare: gossip.Checksum},
		"pull":             {Entropy: gossip.Pull, Compare: gossip.Peel},
		"limited":          {Entropy: gossip.PushPull, Compare: gossip.Checksum, Limit: 1, Hunt: 2},
		"mail and seldom":  {Mail: true, Entropy: gossip.PushPull, Every: 4, Compare: gossip.Recent, Recent: 4},
		"rumours and peel": {Rumours: gossip.PushPull, Fade: gossip.Fade{K: 2}, Entropy: gossip.PushPull, Every: 3, Compare: gossip.Peel},
		"blind rumours":    {Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, Coin: true, K: 3}, Entropy: gossip.PushPull},
	}
	for _, compare := range compares {
		all[fmt.Sprintf("push-pull, compare %d", compare)] = gossip.Config{Entropy: gossip.PushPull, Compare: compare}
	}
	return all
}

// write is one that was answered.
type write struct {
	stamp vector.Stamp
	value string // "-" of a deletion
}

// busy writes and deletes at all sites for a while. It returns the newest of each key that was
// answered, and which keys may have been deleted, for no answer came.
func busy(d *sim.Driver, r *rand.Rand) (newest map[string]write, perhaps map[string]bool) {
	newest, perhaps = map[string]write{}, map[string]bool{}
	for n := range 60 {
		at, k := addr(r.IntN(5)+1), key(r.IntN(8))
		var cmd machine.Data = gossip.Put{Key: k, Value: []byte(fmt.Sprint(n))}
		w := write{value: fmt.Sprint(n)}
		if r.IntN(4) == 0 {
			cmd, w.value = gossip.Delete{Key: k}, "-"
		}
		switch answer := d.Ask(at, cmd).(type) {
		case gossip.Written:
			if w.stamp = answer.Stamp; w.stamp.Compare(newest[k].stamp) > 0 {
				newest[k] = w
			}
		case nil:
			perhaps[k] = perhaps[k] || w.value == "-"
		}
		d.Sleep(machine.Time(r.Int64N(int64(100 * machine.Millisecond))))
	}
	return newest, perhaps
}

// settled tells whether all sites have the same.
func settled(d *sim.Driver) bool {
	sums := map[uint64]bool{}
	for n := range 5 {
		o, ok := d.Ask(addr(n+1), gossip.Look{}).(gossip.Outline)
		if !ok {
			return false
		}
		sums[o.Sum] = true
	}
	return len(sums) == 1
}

// converge runs a world under faults, ends them, and waits until all sites have the same.
func converge(c gossip.Config, faults sim.Faults, seed uint64) error {
	d := sim.NewDriver(world(c, faults), seed)
	defer d.Close()
	newest, perhaps := busy(d, rand.New(rand.NewPCG(seed, 9)))
	d.Calm()
	for tries := 0; !settled(d); tries++ {
		if d.Sleep(machine.Second); tries == 100 {
			return errors.New("they do not agree after 100 s without faults")
		}
	}
	if err := d.Err(); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(newest)) {
		for n := range 5 {
			if err := newestAt(d, n+1, k, newest[k], perhaps[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// newestAt tells what is wrong with what a site has of a key. What was never answered may have been
// written all the same, later.
func newestAt(d *sim.Driver, site int, key string, want write, perhaps bool) error {
	found, ok := d.Ask(addr(site), gossip.Get{Key: key}).(gossip.Found)
	switch {
	case !ok && (want.value == "-" || perhaps):
		return nil
	case ok && found.Stamp.Compare(want.stamp) > 0:
		return nil
	case ok && string(found.Value) == want.value && found.Stamp == want.stamp:
		return nil
	}
	return fmt.Errorf("site %d has %q of %s at %v: want %q at %v", site, found.Value, key, found.Stamp, want.value, want.stamp)
}

func TestAllSitesHaveTheNewestOfEachKeyAfterHealing(t *testing.T) {
	for name, c := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(6) {
				require.NoError(t, converge(c, sim.AllFaults(), seed), "seed %d", seed)
			}
		})
	}
}

func TestSitesThatLoseTheirDisksStillAgreeInTheEnd(t *testing.T) {
	faults := sim.AllFaults().Damaging()
	faults.Wipe = 0.5
	c := gossip.Config{Entropy: gossip.PushPull, Compare: gossip.Peel, Rumours: gossip.Push, Fade: gossip.Fade{K: 2}}
	for seed := range uint64(8) {
		d := sim.NewDriver(world(c, faults), seed)
		busy(d, rand.New(rand.NewPCG(seed, 9)))
		d.Calm()
		for tries := 0; !settled(d); tries++ {
			require.Less(t, tries, 100, "seed %d", seed)
			d.Sleep(machine.Second)
		}
		require.NoError(t, d.Err())
		d.Close()
	}
}

// deletedInPartition lets a site miss a deletion in a cut that lasts for so long, and returns in
// how many of the worlds the item was back after healing.
func deletedInPartition(t *testing.T, c gossip.Config, cut machine.Time) (returned int) {
	for seed := range uint64(5) {
		h := sim.NewHand(world(c, sim.Faults{}))
		h.Start()
		r := rand.New(rand.NewPCG(seed, 9))
		away := machine.Node(r.IntN(5) + 1)
		by := machine.Addr{Node: away%5 + 1, Role: role}
		ask := func(at machine.Addr, cmd machine.Data) machine.Data {
			x, err := h.Ask(at, cmd)
			require.NoError(t, err)
			return x.Answer
		}
		pass := func(d machine.Time) {
			for range d / (50 * machine.Millisecond) {
				h.Advance(50 * machine.Millisecond)
				for letters := h.Letters(); ; letters = h.Letters() {
					letters = slices.DeleteFunc(letters, func(l sim.Letter) bool { return l.Timer })
					if len(letters) == 0 {
						break
					}
					require.NoError(t, h.Deliver(letters[r.IntN(len(letters))].ID, false))
				}
			}
		}
		ask(by, gossip.Put{Key: "x", Value: []byte("v")})
		pass(machine.Second)
		require.NoError(t, h.Cut([]machine.Node{away}))
		require.IsType(t, gossip.Written{}, ask(by, gossip.Delete{Key: "x"}))
		pass(cut)
		h.Heal()
		pass(2 * machine.Second)
		if _, back := ask(by, gossip.Get{Key: "x"}).(gossip.Found); back {
			returned++
		}
		require.Nil(t, h.World().Run())
		h.Close()
	}
	return returned
}

func TestHowLongCertificatesAreKeptDecidesWhetherDeletedItemsReturn(t *testing.T) {
	c := gossip.Config{Entropy: gossip.PushPull, Compare: gossip.Checksum, Retain: machine.Second}
	require.Equal(t, 5, deletedInPartition(t, c, 4*machine.Second), "dropped too early")
	c.Retain = 10 * machine.Second
	require.Zero(t, deletedInPartition(t, c, 4*machine.Second), "kept for longer than the cut")
	c.Retain, c.Dormant, c.Keepers = machine.Second, 60*machine.Second, 2
	require.Zero(t, deletedInPartition(t, c, 4*machine.Second), "kept by a few")
}
