//go:build unix

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func TestHelpAndBadUsageStartNothing(t *testing.T) {
	for args, want := range map[string]int{"-h": cli.Done, "-soak 1m": cli.BadUsage, "five": cli.BadUsage} {
		var out, errs bytes.Buffer
		code := cli.Run(context.Background(), command(), strings.Fields(args), cli.Std{Out: &out, Err: &errs})
		require.Equal(t, want, code, args)
		require.NotContains(t, out.String(), "Stage 3:")
		if code == cli.Done {
			require.Contains(t, out.String(), "example:\n  go run ./p3-replication/cmd/demo\n")
		}
	}
}

func TestAnOrderThatIsNotTheSameEverywhereIsFound(t *testing.T) {
	acks := []ack{{key: "a"}, {key: "b"}, {key: "c"}}
	for want, numbers := range map[string][][]uint64{
		"": {{7, 9, 8}, {7, 9, 8}},
		"c has commit number 8 at replica 1 and 10 at replica 2": {{7, 9, 8}, {7, 9, 10}},
		"b has commit number 9 at replica 1 and 0 at replica 2":  {{7, 9, 8}, {7, 0, 8}},
		"a has no commit number at replica 1":                    {{0, 9, 8}, {0, 9, 8}},
		"a and c both have commit number 7":                      {{7, 9, 7}, {7, 9, 7}},
	} {
		err := sameOrder(acks, numbers)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want)
	}
}

func TestAWriteThatAKilledReplicaHasLostIsFound(t *testing.T) {
	acked := []ack{{key: "a"}, {key: "b"}, {key: "c"}}
	require.NoError(t, missing(acked, map[string]bool{"a": true, "b": true, "c": true, "unknown": true}))
	require.EqualError(t, missing(acked, map[string]bool{"a": true}), "2 of 3 acknowledged writes are lost, the first: b")
	require.Len(t, acked, 3, "the entries are not the judge's to change")
	require.Equal(t, "b", acked[1].key)
}

func TestHealingWithoutACostIsNone(t *testing.T) {
	figures := func(waiting, back, again uint64) (c cost) {
		for _, id := range anybody {
			c[id] = map[string]uint64{tentative: waiting, undone: back, done: again}
		}
		return c
	}
	row := healed(figures(5, 10, 20), figures(0, 13, 24), "a partition")
	require.NoError(t, row.Err)
	require.Equal(t, "15 writes rolled back, 20 done or replayed", row.What)
	require.Equal(t, "at most 3 at one replica; 0 sessions, 0 states", row.Note)
	for want, costs := range map[string][2]cost{
		"the partition has parted nobody":                   {figures(0, 10, 20), figures(0, 13, 24)},
		"the two sides have not met":                        {figures(5, 10, 20), figures(0, 10, 24)},
		"15 writes were rolled back and only 10 done again": {figures(5, 10, 20), figures(0, 13, 22)},
	} {
		require.ErrorContains(t, healed(costs[0], costs[1], "a partition").Err, want)
	}
}

func TestConflictsThatAreNotListedAlikeAreFound(t *testing.T) {
	list := func(who string, stable bool) kv.ConflictList {
		one := kv.Conflicted{Server: who, Stable: stable}
		return kv.ConflictList{List: []kv.Conflicted{one, one}}
	}
	first := list("a", true)
	require.NoError(t, sameConflicts(1, first, first))
	require.ErrorContains(t, sameConflicts(2, kv.ConflictList{List: first.List[:1]}, first), "replica 2 lists 1 conflicts, and more: false: want 2")
	require.ErrorContains(t, sameConflicts(3, list("b", true), first), "replica 3 lists ")
	require.ErrorContains(t, sameConflicts(3, list("a", false), first), "replica 3 lists as tentative: ")
}

func TestTheCalendarHasEachHourTwiceAndNobodyTwice(t *testing.T) {
	people := map[string]bool{}
	for line := range strings.Lines(calendar() + losses()) {
		who := strings.Split(line, "\t")[3]
		require.False(t, people[who], who)
		people[who] = true
	}
	require.Len(t, people, 2*(closes-opens)+crowded)
	require.NoError(t, alike(2, "calendar", calendar(), calendar()))
	require.ErrorContains(t, alike(2, "calendar", losses(), calendar()), "replica 2 has another calendar:\n2026-11-23\t08:00\t102\tLate-08")
	require.Equal(t, "  2026-11-23\t08:00\t101\tWest-08\tstable\n  2026-11-23\t08:00\t102\tEast-08\tstable", hourOf(calendar(), opens))
}

// replies is a store that answers from a list.
type replies struct{ list []*kv.Response }

// Offers implements kv.Store.
func (r *replies) Offers() kv.Caps { return kv.Caps{} }

// Do implements kv.Store.
func (r *replies) Do(context.Context, *kv.Request) *kv.Response {
	resp := r.list[0]
	r.list = r.list[1:]
	return resp
}

func TestASessionThatIsShownThePastIsFound(t *testing.T) {
	put := &kv.Request{Op: kv.Put{Key: "k", Value: []byte("v")}}
	get := &kv.Request{Op: kv.Get{Key: "k"}}
	ok := &kv.Response{Status: kv.OK}
	for name, c := range map[string]struct {
		read *kv.Response
		bad  bool
	}{
		"reads what it wrote": {&kv.Response{Status: kv.OK, Result: kv.Item{Key: "k", Value: []byte("v")}}, false},
		"is refused":          {kv.Refuse(kv.Unsatisfied, "not yet"), false},
		"reads nothing":       {kv.Refuse(kv.NotFound, "no such key"), true},
	} {
		var rec check.Recorder
		s := &replies{[]*kv.Response{ok, c.read}}
		rec.Do(t.Context(), 1, s, put)
		rec.Do(t.Context(), 1, s, get)
		if err := guarantees(rec.History()); c.bad {
			require.ErrorContains(t, err, "read your writes: ", name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

func TestOutcomesAreCountedAsTheyAre(t *testing.T) {
	var rec check.Recorder
	all := &replies{[]*kv.Response{
		{Status: kv.OK}, kv.Refuse(kv.NotFound, ""), kv.Refuse(kv.Unsatisfied, ""), kv.Refuse(kv.Unavailable, ""), kv.Refuse(kv.Maybe, ""),
	}}
	for range 5 {
		rec.Do(t.Context(), 1, all, &kv.Request{Op: kv.Get{Key: "k"}})
	}
	rec.Call(1, &kv.Request{Op: kv.Get{Key: "k"}}) // never answered
	done, refused, unknown := outcomes(rec.History())
	require.Equal(t, [3]int{2, 2, 2}, [3]int{done, refused, unknown})
}
