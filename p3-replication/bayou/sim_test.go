package bayou_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
)

func TestServersPassTheSuiteInTheSimulator(t *testing.T) {
	settings := kvtest.FromFlags()
	settings.Ops = 300
	seed := uint64(0)
	kvtest.RunWith(t, settings, func(t testing.TB) kvtest.World {
		seed++
		cfg := world(3)
		for i := range cfg.Nodes { // the suite's programs are Starlark
			cfg.Nodes[i].Roles[0].Protocol = bayou.Protocol(role, bayou.Config{Programs: programs.New})
		}
		cfg.Faults, cfg.Scheduler = sim.Faults{}, sim.Timed
		w := simkv.New(cfg, seed, bayou.Offers(), func(client int) machine.Addr { return at(client%3 + 1) }, 2*second)
		t.Cleanup(func() { require.NoError(t, w.Err()) })
		w.Sleep(3e9)
		for i := range 3 {
			resp := w.Store(i).Do(t.Context(), &kv.Request{Op: kv.Get{Key: "x"}})
			require.Equal(t, kv.NotFound.String(), resp.Status.String(), resp.Detail)
		}
		return w
	}, bayou.Offers())
}

// TestServersConverge lets clients write at servers that are harmed in every way but for their
// disks, and looks at what is left when all is well again.
func TestServersConverge(t *testing.T) {
	for seed := range uint64(*seeds) {
		acked, w := harm(t, seed+1, world(servers), sim.AllFaults())
		var hashes []string
		for i := range servers {
			resp := w.Store(i).Do(t.Context(), &kv.Request{Op: kv.Stat{Hash: true}})
			require.Equal(t, kv.OK.String(), resp.Status.String(), "seed %d: %s", seed+1, resp.Detail)
			require.True(t, resp.Stable, "seed %d: server %d has tentative writes", seed+1, i+1)
			hashes = append(hashes, fmt.Sprintf("%x", resp.Result.(kv.Stats).Hash))
			for _, v := range acked {
				st, err := kv.NewClient(w.Store(i)).Inquire(t.Context(), v)
				require.NoError(t, err)
				require.True(t, st.Stable, "seed %d: server %d does not know %s", seed+1, i+1, v)
			}
		}
		require.Len(t, slices.Compact(hashes), 1, "seed %d", seed+1)
		require.NoError(t, w.Err(), "seed %d", seed+1)
		w.Close()
	}
}

// TestServersThatLostTheirDisksConvergeUnderOtherNames is the same, and one server may lose what
// was durable. If that is the primary, nothing is committed any more; but all agree.
func TestServersThatLostTheirDisksConvergeUnderOtherNames(t *testing.T) {
	for seed := range uint64(*seeds) {
		faults := sim.AllFaults().Damaging()
		faults.Wipe, faults.Down = 0.2, 1
		cfg := world(servers)
		careful := settings(1, servers) // it may be the one whose disk is lost: it founds no other database
		careful.Founding = 1000 * second
		cfg.Nodes[0].Roles[0].Config = careful.AppendTo(nil)
		_, w := harm(t, seed+1, cfg, faults)
		var hashes []string
		for i := range servers {
			resp := w.Store(i).Do(t.Context(), &kv.Request{Op: kv.Stat{Hash: true}})
			require.Equal(t, kv.OK.String(), resp.Status.String(), "seed %d: server %d: %s", seed+1, i+1, resp.Detail)
			hashes = append(hashes, fmt.Sprintf("%x", resp.Result.(kv.Stats).Hash))
		}
		require.Len(t, slices.Compact(hashes), 1, "seed %d", seed+1)
		require.NoError(t, w.Err(), "seed %d", seed+1)
		w.Close()
	}
}

const servers = 3

// harm lets a client at each server write while there are faults, then ends the faults and waits.
// It returns the writes that were acknowledged.
func harm(t *testing.T, seed uint64, cfg *sim.Config, faults sim.Faults) (acked []kv.Version, w *simkv.World) {
	cfg.Faults = faults
	cfg.Scheduler = sim.Timed // so that what is due soon comes within the time to settle
	w = simkv.New(cfg, seed, bayou.Offers(), func(client int) machine.Addr { return at(client%servers + 1) }, 5*second)
	w.Parallel(servers, func(i int) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		for k := range 30 {
			req := request(i, k, r).(*kv.Request)
			resp := w.Store(i).Do(t.Context(), req)
			if resp.Status == kv.OK && !kv.ReadOnly(req.Op) {
				acked = append(acked, resp.Rev)
			}
			w.Sleep(time.Duration(r.IntN(int(50 * time.Millisecond))))
		}
	})
	w.Settle()
	return acked, w
}

var seeds = flag.Int("schedules", 100, "how many schedules to try")
