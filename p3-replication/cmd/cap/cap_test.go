//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func TestHelpAndBadUsageStartNothing(t *testing.T) {
	for args, want := range map[string]int{"-h": cli.Done, "-stage 3": cli.BadUsage, "three": cli.BadUsage} {
		var out, errs bytes.Buffer
		code := cli.Run(context.Background(), command(), strings.Fields(args), cli.Std{Out: &out, Err: &errs})
		require.Equal(t, want, code, args)
		require.NotContains(t, out.String(), "The same partition, run against stage 3 (Bayou)")
		if code == cli.Done {
			require.Contains(t, out.String(), "example:\n  go run ./p3-replication/cmd/cap\n")
		}
	}
}

func TestWhoIsCutOffReachesNobodyElse(t *testing.T) {
	want := map[phase]map[int][]int{
		before: {1: {1}, 2: {2, 1, 3}, 3: {3, 1, 2}},
		during: {1: {1}, 2: {2, 3}, 3: {3, 2}},
		after:  {1: {1, 2, 3}, 2: {2, 1, 3}, 3: {3, 1, 2}},
	}
	for p, homes := range want {
		for home, ids := range homes {
			require.Empty(t, cmp.Diff(ids, reach(home, p)), "%v, at %d", p, home)
		}
	}
}

// story is a history of one key: "w1 w1. w2 r w2. r.1" begins a write of 1, ends it, and so on.
// An end of a write with "?" is of unknown outcome, of a read with "-" one that found no key.
func story(text string) check.History {
	var rec check.Recorder
	open := map[string]int{}
	for _, word := range strings.Fields(text) {
		name, end, ended := strings.Cut(word, ".")
		switch {
		case !ended && name[0] == 'w':
			open[name] = rec.Call(int(name[1]), &kv.Request{Op: kv.Put{Key: "k", Value: []byte(name[1:])}})
		case !ended:
			open[name] = rec.Call(int(name[1]), &kv.Request{Op: kv.Get{Key: "k"}})
		case end == "?":
			rec.Return(open[name], kv.Refuse(kv.Maybe, ""))
		case end == "!":
			rec.Return(open[name], kv.Refuse(kv.Unavailable, ""))
		case end == "-":
			rec.Return(open[name], kv.Refuse(kv.NotFound, ""))
		case name[0] == 'w':
			rec.Return(open[name], &kv.Response{Status: kv.OK})
		default:
			rec.Return(open[name], &kv.Response{Status: kv.OK, Result: kv.Item{Key: "k", Value: []byte(end)}})
		}
	}
	return rec.History()
}

func TestAReadIsStaleIfItShowsWhatWasOverwrittenBeforeItBegan(t *testing.T) {
	for text, want := range map[string][2]int{
		"w1 w1. r7 r7.1":                        {1, 0},
		"w1 w1. w2 w2. r7 r7.1":                 {1, 1},
		"w1 w1. w2 w2. r7 r7.2":                 {1, 0},
		"w1 w2 w1. w2. r7 r7.1":                 {1, 0}, // either may be the last
		"w1 w1. w2 r7 w2. r7.1":                 {1, 0}, // not yet overwritten when it began
		"w1 w1. r7 r7.-":                        {1, 1},
		"w1 r7 w1. r7.-":                        {1, 0},
		"w1 w1.? w2 w2. r7 r7.1":                {1, 0}, // it may have been done since
		"w1 w1. w2 w2.? r7 r7.1":                {1, 0}, // it may not have been done
		"w1 w1. w2 w2.! r7 r7.1":                {1, 0}, // it was not done
		"w1 w1. w2 w2. r7 r7.! r8 r8.?":         {0, 0},
		"w1 w1. w2 w2. r7 r7.1 r8 r8.2 r9 r9.1": {3, 2},
	} {
		h := story(text)
		reads, stale := staleness(h)
		require.Equal(t, want, [2]int{reads, stale}, text)
		if stale > 0 {
			require.Error(t, check.Linearizable(h, kv.Caps{Level: kv.Linearizable}), text)
		}
	}
}

// asPromised are verdicts of two stores that keep what they promise.
func asPromised() (bayou, paxos *verdict) {
	bayou = &verdict{stage: 3, reads: 90, stale: 30, across: errors.New("old"), settled: 120 * time.Millisecond}
	paxos = &verdict{stage: 4, reads: 80, settled: 20 * time.Millisecond}
	for p := range numPhases {
		for s := range numSides {
			bayou.counts[p][s], paxos.counts[p][s] = tally{100, 0, 0}, tally{90, 0, 0}
		}
	}
	paxos.counts[during][alone] = tally{0, 11, 17}
	return bayou, paxos
}

func TestBothStoresPassThatKeepWhatTheyPromise(t *testing.T) {
	for _, row := range rows(asPromised()) {
		require.NoError(t, row.Err, row.What)
	}
	bayou, paxos := asPromised()
	require.Empty(t, cmp.Diff(`answered, refused, unknown    stage 3      stage 4
  before, the side of one     100, 0, 0    90, 0, 0
  before, the side of two     100, 0, 0    90, 0, 0
  parted, the side of one     100, 0, 0    0, 11, 17
  parted, the side of two     100, 0, 0    90, 0, 0
  healed, the side of one     100, 0, 0    90, 0, 0
  healed, the side of two     100, 0, 0    90, 0, 0
stale reads                   30 of 90     0 of 80
linearizable                  no           yes
the four session guarantees   yes          yes
copies equal, writes ended    yes, 120ms   yes, 20ms
`, table(bayou, paxos)))
	require.Contains(t, moral(bayou, paxos), "of the 28 operations of the side of one it answered none (11 were refused, of 17 nobody\nknows)")
}

func TestAStoreThatBreaksItsPromiseFailsARow(t *testing.T) {
	wrong := errors.New("wrong")
	for want, spoil := range map[string]func(bayou, paxos *verdict){
		"stage 3: the side of one: 1 of 101 operations were refused":                                func(b, _ *verdict) { b.counts[during][alone][refused] = 1 },
		"stage 3: the side of two: 6 of 106 operations are of unknown outcome: want at most 5 %":    func(b, _ *verdict) { b.counts[during][most][unknown] = 6 },
		"stage 3: the side of two: nothing was answered":                                            func(b, _ *verdict) { b.counts[during][most] = tally{0, 1, 1} },
		"stage 3: the truth: no read was stale: the partition has parted nobody":                    func(b, _ *verdict) { b.stale = 0 },
		"stage 3: the truth: what was written at one side and read at the other looks linearizable": func(b, _ *verdict) { b.across = nil },
		"stage 4: the side of one: 1 of 29 operations were answered without a majority":             func(_, p *verdict) { p.counts[during][alone][answered] = 1 },
		"stage 4: the side of one: nobody has asked":                                                func(_, p *verdict) { p.counts[during][alone] = tally{} },
		"stage 4: the side of two: 49 operations were answered: want 50 at least":                   func(_, p *verdict) { p.counts[during][most] = tally{49, 9, 9} },
		"stage 4: the truth: 1 of 80 reads are stale":                                               func(_, p *verdict) { p.stale = 1 },
		"stage 4: the truth: wrong":                                                                 func(_, p *verdict) { p.linear = wrong },
		"stage 4: the truth: wrong\nwrong":                                                          func(_, p *verdict) { p.linear, p.across = wrong, wrong },
		"stage 3: the sessions of all callers: wrong":                                               func(b, _ *verdict) { b.sessions = wrong },
		"stage 4: the sessions of all callers: wrong":                                               func(_, p *verdict) { p.sessions = wrong },
		"stage 3: the copies, after it: wrong":                                                      func(b, _ *verdict) { b.converged = wrong },
		"stage 4: the copies, after it: wrong":                                                      func(_, p *verdict) { p.converged = wrong },
	} {
		bayou, paxos := asPromised()
		spoil(bayou, paxos)
		var failed []string
		for _, row := range rows(bayou, paxos) {
			if row.Err != nil {
				failed = append(failed, fmt.Sprintf("%s: %v", row.What, row.Err))
			}
		}
		require.Empty(t, cmp.Diff([]string{want}, failed))
	}
}

func TestATrialIsJudgedByPhasesAndSides(t *testing.T) {
	tr := &trial{stage: 3, finals: [][]kv.Item{nil, nil, nil}}
	ask := func(client int, status kv.Status) {
		tr.rec.Return(tr.rec.Call(client, &kv.Request{Op: kv.Delete{Key: "k"}}), &kv.Response{Status: status})
	}
	ask(0, kv.OK)
	tr.histories[before] = 1
	ask(1, kv.Maybe)
	ask(5, kv.NotFound)
	ask(4, kv.Unsatisfied)
	tr.histories[during] = 4
	ask(2, kv.OK)
	tr.histories[after] = 5
	v := tr.judge()
	require.Empty(t, cmp.Diff([numPhases][numSides]tally{
		before: {alone: {1, 0, 0}},
		during: {alone: {0, 0, 1}, most: {1, 1, 0}},
		after:  {alone: {1, 0, 0}},
	}, v.counts))
	require.NoError(t, v.converged)
	tr.finals[1] = []kv.Item{{Key: "k"}}
	require.Error(t, tr.judge().converged)
}
