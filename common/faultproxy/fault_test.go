package faultproxy_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/faultproxy"
)

// settle lets a minute pass, longer than any fault but half-open lasts.
func settle() {
	<-time.After(time.Minute)
	synctest.Wait()
}

func count(r *rig, f faultproxy.Fault) int { return int(r.Stats().Faults[f]) }

func TestWithoutFaultsEverythingPassesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{}, nil)
		c := r.connect(t, callsHello)
		c.ask(upTo(100)...)
		synctest.Wait()
		require.Empty(t, cmp.Diff(upTo(100), seqs(r.arrivals())))
		require.Empty(t, cmp.Diff(append([]uint64{0}, upTo(100)...), seqs(c.arrivals())))
		require.Equal(t, "none", r.Stats().String())
		require.Equal(t, int64(202), r.Stats().Frames)
	})
}

func TestAHandshakeMeetsOnlyDelayAndCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rates := range []faultproxy.Rates{
			{Drop: 1}, {Duplicate: 1}, {Reorder: 1}, {Slow: 1}, {HalfOpen: 1}, {Partition: 1},
		} {
			for _, kind := range [][]byte{callsHello, peerHello} {
				r := newRig(t, faultproxy.Config{Rates: rates}, nil)
				c := r.connect(t, kind)
				synctest.Wait()
				require.Len(t, c.arrivals(), 1)
				require.Zero(t, c.arrivals()[0].At)
				require.Equal(t, "none", r.Stats().String())
			}
		}
	})
}

func TestDroppedFramesVanishAndTheOthersStayWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 1, Rates: faultproxy.Rates{Drop: 0.3}}, nil)
		c := r.connect(t, callsHello)
		c.ask(upTo(1000)...)
		settle()
		asked, answered := seqs(r.arrivals()), seqs(c.arrivals())[1:]
		require.True(t, slices.IsSorted(asked))
		require.InDelta(t, 700, len(asked), 60)
		require.InDelta(t, 490, len(answered), 60)
		require.Equal(t, 1000-len(answered), count(r, faultproxy.Drop))
		require.False(t, c.ended())
	})
}

func TestDelaysKeepTheOrderAndHaveAHeavyTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := faultproxy.Times{Delay: time.Millisecond, Longest: 50 * time.Millisecond}
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Delay: 1}, Times: times}, nil)
		var took []time.Duration
		c := r.connect(t, peerHello)
		for i := range 500 {
			<-time.After(time.Second) // so that no frame waits for another
			c.ask(uint64(i + 1))
			took = append(took, -time.Since(r.start))
		}
		settle()
		got := r.arrivals()
		require.Empty(t, cmp.Diff(upTo(500), seqs(got)))
		for i, a := range got {
			took[i] += a.At
		}
		slices.Sort(took)
		require.GreaterOrEqual(t, took[0], time.Millisecond)
		require.Less(t, took[250], 2*time.Millisecond)
		require.Greater(t, took[490], 10*time.Millisecond)
		require.LessOrEqual(t, took[499], 50*time.Millisecond)
		require.Equal(t, 2*501, count(r, faultproxy.Delay))
	})
}

func TestACopyOfARequestArrivesOverAGhostAndItsAnswerIsThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 1}}, nil)
		c := r.connect(t, callsHello)
		c.ask(upTo(20)...)
		settle()
		direct, ghosts := split(r.arrivals())
		require.Empty(t, cmp.Diff(upTo(20), seqs(direct)))
		require.ElementsMatch(t, upTo(20), seqs(ghosts))
		for _, g := range ghosts {
			require.Greater(t, g.At, time.Duration(0))
			require.LessOrEqual(t, g.At, 2*time.Second)
		}
		require.Empty(t, cmp.Diff(slices.Repeat([]string{string(callsHello)}, 21), r.greetings()))
		require.Empty(t, cmp.Diff(append([]uint64{0}, upTo(20)...), seqs(c.arrivals())))
		require.Equal(t, 20, count(r, faultproxy.Duplicate))
	})
}

// split parts what came over the first connection from the rest.
func split(all []arrival) (direct, others []arrival) {
	for _, a := range all {
		if a.Conn == 0 {
			direct = append(direct, a)
		} else {
			others = append(others, a)
		}
	}
	return direct, others
}

func TestACopyArrivesEvenIfItsClientHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 1}}, nil)
		c := r.connect(t, callsHello)
		c.ask(1)
		synctest.Wait()
		c.Close()
		settle()
		require.Empty(t, cmp.Diff([]uint64{1, 1}, seqs(r.arrivals())))
	})
}

func TestGhostsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(net.Conn, []byte) {}
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Duplicate: 1}}, silent)
		c := r.connect(t, callsHello)
		c.ask(upTo(1000)...)
		<-time.After(5 * time.Second) // all are there, none has been answered
		direct, ghosts := split(r.arrivals())
		require.Len(t, direct, 1000)
		require.Len(t, ghosts, 64)
		settle()
		c.ask(1001)
		settle()
		_, ghosts = split(r.arrivals())
		require.Len(t, ghosts, 65, "ghosts without an answer end")
		require.Equal(t, 1, r.open())
	})
}

func TestFramesOfPeersAreRepeatedWithinTheirConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 3, Rates: faultproxy.Rates{Duplicate: 1}}, func(net.Conn, []byte) {})
		c := r.connect(t, peerHello)
		c.ask(1, 2, 3)
		settle()
		direct, others := split(r.arrivals())
		require.Empty(t, others)
		require.Empty(t, cmp.Diff([]uint64{1, 2, 3}, seqs(direct)[:3]))
		require.ElementsMatch(t, []uint64{1, 2, 3}, seqs(direct)[3:])
		require.Greater(t, direct[3].At, time.Duration(0))
		require.Equal(t, 3, count(r, faultproxy.Duplicate))
		c.ask(upTo(1000)...)
		settle()
		require.Equal(t, 3+8, count(r, faultproxy.Duplicate), "copies are bounded")
	})
}

func TestOvertakenRequestsTakeAnotherConnectionAndAllAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 1, Rates: faultproxy.Rates{Reorder: 0.1}}, nil)
		c := r.connect(t, callsHello)
		c.ask(upTo(200)...)
		settle()
		direct, others := split(r.arrivals())
		require.NotEmpty(t, others)
		require.True(t, slices.IsSorted(seqs(direct)), "numbers of a connection grow")
		require.False(t, slices.IsSorted(seqs(r.arrivals())))
		require.ElementsMatch(t, upTo(200), seqs(r.arrivals()))
		require.ElementsMatch(t, upTo(200), seqs(c.arrivals())[1:])
		require.NotZero(t, count(r, faultproxy.Reorder))
	})
}

func TestNoAnswerComesBeforeTheWelcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := faultproxy.Times{Delay: time.Second, Longest: time.Second}
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Delay: 1, Reorder: 1}, Times: late}, nil)
		c := r.connect(t, callsHello)
		c.ask(1, 2, 3)
		<-time.After(2*time.Second - 1)
		require.NotEmpty(t, r.arrivals())
		require.Empty(t, c.arrivals())
		settle()
		require.Equal(t, uint64(0), c.arrivals()[0].seq())
		require.Len(t, c.arrivals(), 4)
	})
}

func TestAnswersAndPeerFramesChangePlacesWithNearOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 1, Rates: faultproxy.Rates{Reorder: 0.2}}, nil)
		c := r.connect(t, peerHello)
		c.ask(upTo(500)...)
		settle()
		for _, got := range [][]uint64{seqs(r.arrivals()), seqs(c.arrivals())[1:]} {
			require.Len(t, got, 500)
			require.False(t, slices.IsSorted(got))
			slices.Sort(got)
			require.Empty(t, cmp.Diff(upTo(500), got), "nothing is lost or repeated")
		}
	})
}

func TestFramesHeldBackAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Reorder: 1}}, func(net.Conn, []byte) {})
		c := r.connect(t, peerHello)
		c.ask(upTo(1000)...)
		synctest.Wait()
		require.GreaterOrEqual(t, len(r.arrivals()), 1000-8)
	})
}

func TestAFrameThatNobodyOvertakesArrivesInBoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Reorder: 1}}, nil)
		c := r.connect(t, peerHello)
		c.ask(1)
		settle()
		require.Len(t, r.arrivals(), 1)
		require.LessOrEqual(t, r.arrivals()[0].At, 500*time.Millisecond)
		require.Zero(t, count(r, faultproxy.Reorder), "it was only late")
	})
}

func TestACutEndsBothSidesAfterNothingOrPartOrAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Cut: 0.5}}, func(net.Conn, []byte) {})
		greeted, cut := 0, 0
		for range 1000 {
			c := r.connect(t, callsHello)
			synctest.Wait()
			if c.ended() { // cut in the handshake
				continue
			}
			greeted++
			c.ask(1)
			synctest.Wait()
			if c.ended() {
				cut++
			}
		}
		all := len(r.arrivals()) - (greeted - cut)
		part := r.incomplete()
		require.Equal(t, count(r, faultproxy.Cut), cut+1000-greeted)
		require.Equal(t, greeted-cut, r.open())
		require.Greater(t, cut, 100)
		require.InDelta(t, cut/3, all, 20)
		require.InDelta(t, cut/3, part, 20)
	})
}

func TestASilentConnectionStaysOpenAndSwallows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{HalfOpen: 1}}, nil)
		arrived, answered := 0, 0
		for range 30 {
			before := len(r.arrivals())
			c := r.connect(t, callsHello)
			c.ask(1, 2, 3)
			<-time.After(24 * time.Hour)
			require.False(t, c.ended())
			_, err := c.Write(request(4))
			require.NoError(t, err)
			synctest.Wait()
			if len(r.arrivals()) > before {
				arrived++
			}
			if len(c.arrivals()) > 1 {
				answered++
			}
			require.False(t, len(c.arrivals()) == 1+4 && len(r.arrivals()) == before+4, "nothing was silent")
		}
		require.Greater(t, arrived, 0, "one direction is silent")
		require.Less(t, arrived, 30, "both are")
		require.Less(t, answered, 30)
		require.Less(t, 0, count(r, faultproxy.HalfOpen))
	})
}

func TestConnectionsAreRefusedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Seed: 2, Rates: faultproxy.Rates{Refuse: 0.05}}, nil)
		var refused []bool
		for range 1000 {
			c := r.connect(t, callsHello)
			synctest.Wait()
			refused = append(refused, c.ended())
			c.Close()
			<-time.After(100 * time.Millisecond)
		}
		runs := slices.CompactFunc(slices.Clone(refused), func(a, b bool) bool { return a == b })
		total := 0
		for _, x := range refused {
			if x {
				total++
			}
		}
		require.Equal(t, count(r, faultproxy.Refuse), total)
		require.Greater(t, total, 4*len(runs)/2, "refusals come in a row")
		require.Less(t, total, 900)
	})
}

func TestASlowFrameArrivesInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Slow: 1}}, nil)
		c := r.connect(t, peerHello)
		c.Write(frame(make([]byte, 10_000)))
		synctest.Wait()
		require.Empty(t, r.arrivals())
		<-time.After(500 * time.Millisecond)
		synctest.Wait()
		require.Len(t, r.arrivals(), 1)
		require.Equal(t, frame(make([]byte, 10_000)), []byte(r.arrivals()[0].Frame))
		require.Greater(t, r.arrivals()[0].At, time.Duration(0))
	})
}

func TestNothingPassesDuringAPartitionAndEverythingAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{}, nil)
		before := r.connect(t, callsHello)
		synctest.Wait()
		r.Partition(10 * time.Second)
		r.Partition(time.Second) // never shortens
		before.ask(1, 2, 3)
		during := r.connect(t, callsHello)
		during.ask(7)
		<-time.After(10*time.Second - 1)
		require.Empty(t, r.arrivals())
		require.Len(t, r.greetings(), 1)
		require.False(t, during.ended())
		<-time.After(1)
		synctest.Wait()
		require.ElementsMatch(t, []uint64{1, 2, 3, 7}, seqs(r.arrivals()))
		require.Empty(t, cmp.Diff([]uint64{0, 1, 2, 3}, seqs(before.arrivals())))
		require.Equal(t, 2, count(r, faultproxy.Partition))
	})
}

func TestPartitionsAreDrawnToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultproxy.Config{Rates: faultproxy.Rates{Partition: 1}}, nil)
		c := r.connect(t, callsHello)
		c.ask(1)
		settle()
		require.Equal(t, 2, count(r, faultproxy.Partition))
		require.GreaterOrEqual(t, r.arrivals()[0].At, 200*time.Millisecond)
		require.LessOrEqual(t, r.arrivals()[0].At, 2*time.Second)
		require.Len(t, c.arrivals(), 2)
	})
}

func TestTheSameTrafficMeetsTheSameFaults(t *testing.T) {
	run := func(seed uint64) (got []arrival, stats faultproxy.Stats) {
		synctest.Test(t, func(t *testing.T) {
			rates := faultproxy.Rates{Delay: 0.3, Drop: 0.1, Reorder: 0.1, Duplicate: 0.1, Slow: 0.05, Partition: 0.01}
			r := newRig(t, faultproxy.Config{Seed: seed, Rates: rates}, func(net.Conn, []byte) {})
			c := r.connect(t, peerHello)
			c.ask(upTo(300)...)
			settle()
			got, stats = r.arrivals(), r.Stats()
		})
		return got, stats
	}
	got, stats := run(5)
	for f, n := range stats.Faults {
		want := faultproxy.Fault(f) != faultproxy.Cut && faultproxy.Fault(f) != faultproxy.HalfOpen &&
			faultproxy.Fault(f) != faultproxy.Refuse
		require.Equal(t, want, n > 0, "%v", faultproxy.Fault(f))
	}
	again, statsAgain := run(5)
	require.Empty(t, cmp.Diff(got, again))
	require.Equal(t, stats, statsAgain)
	other, _ := run(6)
	require.NotEmpty(t, cmp.Diff(got, other))
}

func TestTheTwoDirectionsMeetDifferentFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bytes.Clone(peerHello)
		for _, seq := range upTo(100) {
			b = append(b, request(seq)...)
		}
		there, back := exchange(t, faultproxy.Config{Rates: faultproxy.Rates{Drop: 0.5}}, false, b, b)
		require.Less(t, len(there), len(b))
		require.Less(t, len(back), len(b))
		require.False(t, bytes.Equal(there, back))
	})
}

func TestASwarmLeavesKindsOutAndStaysBelowItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	bound, left := faultproxy.Rough(), 0
	for range 200 {
		s := bound.Swarm(rng)
		require.LessOrEqual(t, s.Drop, bound.Drop)
		require.True(t, s.Drop == 0 || s.Drop >= bound.Drop/50-1e-12)
		if s.Drop == 0 {
			left++
		}
	}
	require.InDelta(t, 100, left, 25)
}

func TestStatsAddUpAndNameWhatStruck(t *testing.T) {
	var a, b faultproxy.Stats
	a.Faults[faultproxy.Drop], b.Faults[faultproxy.Drop], b.Faults[faultproxy.HalfOpen] = 2, 3, 1
	a.Bytes, b.Frames = 7, 1
	sum := a.Plus(b)
	require.Equal(t, "drop 5, half-open 1", sum.String())
	require.Equal(t, int64(7), sum.Bytes)
	require.Equal(t, int64(1), sum.Frames)
}
