package stage3_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/stage3"
)

func TestTheTableIsSound(t *testing.T) {
	s := stage3.Stage()
	names, loads, kinds := map[string]harness.System{}, map[string]harness.Load{}, map[string]bool{}
	for _, l := range s.Loads {
		loads[l.Name] = l
	}
	for _, p := range s.Peers {
		kinds[p.Kind] = true
	}
	place := harness.Place{Self: "bench", Dir: "dir"}
	for _, system := range s.Systems {
		names[system.Name] = system
		require.NotEmpty(t, system.About)
		require.Empty(t, system.Serve(place))
		require.Equal(t, len(system.Needs) > 0, system.Fetch != nil, "what npm fetches wants npm")
		for _, l := range system.Loads {
			require.True(t, loads[l].Embedded, "%s: there is no server", l)
			c := system.Drive(place, harness.Turn{Load: l, Callers: 1, For: time.Second})
			require.Equal(t, []string{"bench", "peer", "drive"}, append([]string{c.Path}, c.Args[:2]...))
			require.True(t, kinds[c.Args[2]], "%s is driven by %v", system.Name, c)
			require.Equal(t, "dir", c.Args[3])
		}
	}
	for _, b := range s.Bars {
		require.Subset(t, loads[b.Load].Callers, b.Callers, "a bar is for what is measured")
		for _, name := range []string{"ours", b.Peer} {
			require.True(t, name == "" || slices.Contains(names[name].Loads, b.Load), "%s is measured under %s", name, b.Load)
		}
	}
}

func TestOursIsProfiledWhereItsDriverIs(t *testing.T) {
	ours := stage3.Stage().Systems[0]
	for _, l := range ours.Loads {
		args := ours.Drive(harness.Place{Self: "bench", Dir: "dir"}, harness.Turn{Load: l, Profile: "x.prof"}).Args
		require.Equal(t, []string{"-profile", "x.prof"}, args[len(args)-2:], l)
	}
	require.NotNil(t, ours.Profile, "it may be")
}

// drive has a peer of this program drive itself, a short time and at a small scale.
func drive(t *testing.T, kind string, turn harness.Turn) *load.Report {
	t.Helper()
	peers := stage3.Stage().Peers
	i := slices.IndexFunc(peers, func(p harness.Peer) bool { return p.Kind == kind })
	r, err := peers[i].Drive(t.TempDir(), turn)
	require.NoError(t, err)
	require.Positive(t, r.Rate)
	require.Greater(t, r.Ended, r.Began)
	require.LessOrEqual(t, r.P50, r.P99)
	require.LessOrEqual(t, r.P99, r.Max)
	return r
}

func TestEveryPairThatNeedsNoOtherProgramMeetsAndAgrees(t *testing.T) {
	for _, kind := range []string{"bayou", "probe", "memberlist"} {
		t.Run(kind, func(t *testing.T) {
			r := drive(t, kind, harness.Turn{Load: "converge", Scale: 0.005, Warmup: time.Nanosecond, For: time.Nanosecond})
			require.Equal(t, 2*50, r.Ops, "each of the writes of one meeting is delivered once")
			require.InEpsilon(t, 2*50/(r.P50/1e6), r.Rate, 0.01)
			if kind == "bayou" {
				require.Greater(t, r.Space, 1.0, "what is missing has to move")
				require.Less(t, r.Space, 3.0)
			} else {
				require.Zero(t, r.Space, "nobody counts")
			}
		})
	}
}

func TestATurnGoesOnForItsTime(t *testing.T) {
	r := drive(t, "probe", harness.Turn{Load: "converge", Scale: 0.001, For: 20 * time.Millisecond})
	require.Greater(t, r.Ops, 2*10)
	require.GreaterOrEqual(t, r.Ended-r.Began, int64(20*time.Millisecond))
}

func TestAWriteIsSeenByAllFiveEvenIfOneWasToldInVain(t *testing.T) {
	for _, l := range []string{"visible", "loss"} {
		t.Run(l, func(t *testing.T) {
			require.Equal(t, 2, drive(t, "bayou", harness.Turn{Load: l, Scale: 0.2, For: time.Nanosecond}).Ops)
		})
	}
}

func TestWhatAReplayCostsIsCountedAtFiveSizes(t *testing.T) {
	r := drive(t, "bayou", harness.Turn{Load: "replay", Scale: 0.01})
	require.Equal(t, 2*160, r.Ops, "the largest meeting counts")
	require.Len(t, r.Notes, 5+1)
	require.Regexp(t, `^10 writes each: \d+ done, \d+ undone, `, r.Notes[0])
	require.Regexp(t, `^160 writes each: \d+ done, \d+ undone, `, r.Notes[4])
	require.NotContains(t, r.Notes[4], " 0 undone", "half of the writes came before others")
	require.Greater(t, r.Growth, 0.5, "more writes cost more")
}
