package kv_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var (
	booking = kv.Guarded{If: "c", Then: []kv.Op{kv.Put{Key: "k", Value: []byte("v")}}, Else: "m"}
	clashes = kv.ConflictList{List: []kv.Conflicted{{Write: v7, Text: "taken", Then: booking.Then}}, More: true}
	nearby  = kv.Distances{Asked: 1, Zone: "west", List: []kv.Distance{{ID: 2, Up: true, Chosen: true}}}
)

// tentativeMethods are those of stores with tentative writes.
var tentativeMethods = []method{
	{
		"guarded",
		booking,
		kv.GuardedResult{Fate: kv.Merged},
		func(c *kv.Client) (any, error) { return c.Guarded(context.Background(), booking) }, kv.Merged,
	},
	{
		"inquire",
		kv.Inquire{Write: v7},
		kv.Standing{Known: true, Stable: true, Commit: 3},
		func(c *kv.Client) (any, error) { return c.Inquire(context.Background(), v7) },
		kv.Standing{Known: true, Stable: true, Commit: 3},
	},
	{
		"conflicts",
		kv.Conflicts{After: kv.Version{Lo: 5}, Limit: 2},
		clashes,
		func(c *kv.Client) (any, error) { return c.Conflicts(context.Background(), kv.Version{Lo: 5}, 2) }, clashes,
	},
	{
		"probe",
		kv.Probe{},
		nearby,
		func(c *kv.Client) (any, error) { return c.Probe(context.Background()) }, nearby,
	},
}

func TestOnlyAGuardedWriteChangesAnythingOfWhatIsTentative(t *testing.T) {
	for _, m := range tentativeMethods {
		require.Equal(t, m.name != "guarded", kv.ReadOnly(m.op), m.name)
		require.False(t, kv.Administers(m.op), m.name)
		require.False(t, (&kv.Request{Op: m.op, Wait: 1}).Waits(), m.name)
		require.Equal(t, m.name, kv.OpName(m.op))
	}
}

func TestCheckRefusesGuardedWritesAndQuestionsThatMakeNoSense(t *testing.T) {
	for _, c := range []refusal{
		{kv.Invalid, "does nothing", reqOf(kv.Guarded{})},
		{kv.Invalid, "does nothing", reqOf(kv.Guarded{If: "c"})},
		{kv.TooLarge, "programs of 65537 and 0 bytes", reqOf(kv.Guarded{If: longProgram + "p", Else: ""})},
		{kv.TooLarge, "programs of 0 and 65537 bytes", reqOf(kv.Guarded{Else: longProgram + "p"})},
		{kv.TooLarge, "129 operations", reqOf(kv.Guarded{Then: repeat(kv.MaxTxnOps+1, kv.Delete{Key: "k"})})},
		{kv.TooLarge, "guarded write of about", reqOf(kv.Guarded{Then: []kv.Op{kv.Put{Key: "a", Value: longValue}, kv.Put{Key: "b", Value: longValue}}})},
		{kv.Invalid, "with a lease", reqOf(kv.Guarded{Then: []kv.Op{kv.Put{Key: "k", Lease: 1}}})},
		{kv.Invalid, "empty key", reqOf(kv.Guarded{Then: []kv.Op{kv.Delete{Key: "k"}, kv.Put{}}})},
		{kv.TooLarge, "value of", reqOf(kv.Guarded{Then: []kv.Op{kv.Put{Key: "k", Value: make([]byte, kv.MaxValue+1)}}})},
		{kv.Invalid, "operation kv.Get in a guarded write", reqOf(kv.Guarded{Then: []kv.Op{aGet}})},
		{kv.Invalid, "operation <nil> in a guarded write", reqOf(kv.Guarded{Then: []kv.Op{nil}})},
		{kv.Invalid, "operation *kv.Put in a guarded write", reqOf(kv.Guarded{Then: []kv.Op{(*kv.Put)(nil)}})},
		{kv.Invalid, "guarded at revision 7", kv.Request{At: kv.Version{Lo: 7}, Op: kv.Guarded{Else: "m"}}},
		{kv.Invalid, "operation kv.Guarded", reqOf(kv.Txn{Then: []kv.Op{kv.Guarded{Else: "m"}}})},
		{kv.Invalid, "operation kv.Inquire", reqOf(kv.Txn{Else: []kv.Op{kv.Inquire{}}})},
		{kv.Invalid, "inquiry after no write", reqOf(kv.Inquire{})},
		{kv.Invalid, "limit of -1", reqOf(kv.Conflicts{Limit: -1})},
	} {
		c.check(t)
	}
}

func TestGuaranteesAreReadAsTheyArePrinted(t *testing.T) {
	for g := range kv.AllGuarantees + 1 {
		got, err := kv.ParseGuarantees(g.String())
		require.NoError(t, err)
		require.Equal(t, g, got)
	}
	require.Equal(t, "ryw,mr,wfr,mw", kv.AllGuarantees.String())
	require.Equal(t, "none", kv.Guarantees(0).String())
	got, err := kv.ParseGuarantees("mw,ryw,mw")
	require.NoError(t, err)
	require.Equal(t, kv.ReadYourWrites|kv.MonotonicWrites, got)
	for _, bad := range []string{"", "ryw,", "ryw mr", "RYW", "all", "none,mr"} {
		_, err := kv.ParseGuarantees(bad)
		require.ErrorContains(t, err, "want some of ryw, mr, wfr, mw, separated by commas, or none", bad)
	}
}

func TestToldResultsThatCannotBeAreRefused(t *testing.T) {
	conflict := func(lo uint64) kv.Conflicted { return kv.Conflicted{Write: kv.Version{Lo: lo}} }
	list := func(more bool, list ...kv.Conflicted) kv.ConflictList { return kv.ConflictList{List: list, More: more} }
	many := make([]kv.Conflicted, kv.MaxConflicts+1)
	for i := range many {
		many[i] = conflict(uint64(i) + 1)
	}
	for name, q := range map[string]struct {
		op  kv.Op
		res kv.Result
		bad bool
	}{
		"applied":                  {booking, kv.GuardedResult{Fate: kv.Applied}, false},
		"unresolved":               {booking, kv.GuardedResult{Fate: kv.Unresolved}, false},
		"no fate":                  {booking, kv.GuardedResult{}, true},
		"an unknown fate":          {booking, kv.GuardedResult{Fate: kv.Unresolved + 1}, true},
		"no conflicts":             {kv.Conflicts{}, list(false), false},
		"as many as may be":        {kv.Conflicts{}, list(true, many[1:]...), false},
		"one too many":             {kv.Conflicts{Limit: kv.MaxConflicts + 1}, list(false, many...), true},
		"more than the limit":      {kv.Conflicts{Limit: 1}, list(false, many[:2]...), true},
		"as many as the limit":     {kv.Conflicts{Limit: 2}, list(true, many[:2]...), false},
		"more, but none given":     {kv.Conflicts{}, list(true), true},
		"a conflict of no write":   {kv.Conflicts{}, list(false, conflict(0)), true},
		"the one before once more": {kv.Conflicts{After: v7}, list(true, conflict(6), conflict(7)), true},
		"those behind":             {kv.Conflicts{After: v7}, list(true, conflict(8), conflict(6)), false},
	} {
		client := kv.NewClient(always(kv.Response{Status: kv.OK, Result: q.res}))
		resp, err := client.Do(t.Context(), kv.Request{Op: q.op})
		if !q.bad {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, kv.ErrBadResponse, name)
		require.Equal(t, kv.Maybe, resp.Status, name)
	}
}

// echo answers with a token that tells which request it was, and keeps those it was sent.
func echo() *script {
	s := &script{}
	s.answer = func(*kv.Request) *kv.Response {
		return &kv.Response{Status: kv.NotFound, Token: []byte{'0' + byte(len(s.asked))}}
	}
	return s
}

func (s *script) tokens() (sent []string) {
	for _, req := range s.asked {
		sent = append(sent, string(req.Token))
	}
	return sent
}

func TestACallerResumesWhereAnotherLeftOff(t *testing.T) {
	s := echo()
	first := kv.NewClient(s)
	require.Nil(t, first.Token(), "nothing was answered yet")
	_, _ = first.Get(t.Context(), "k")
	next := kv.NewClient(s)
	next.Resume(first.Token())
	_, _ = next.With(kv.Session).Get(t.Context(), "k")
	_, _ = next.Get(t.Context(), "k")
	require.Empty(t, cmp.Diff([]string{"", "1", "2"}, s.tokens()))
	require.Equal(t, []byte("3"), next.Token())
	require.Equal(t, []byte("1"), first.Token(), "a caller of its own")
}

func TestASessionBeginsWithTheGuaranteesThatItWants(t *testing.T) {
	s := echo()
	c := kv.NewClient(s)
	c.Resume((kv.ReadYourWrites | kv.MonotonicWrites).Token())
	_, _ = c.Get(t.Context(), "k")
	none := kv.NewClient(s)
	none.Resume(kv.Guarantees(0).Token())
	_, _ = none.Get(t.Context(), "k")
	require.Empty(t, cmp.Diff([]string{"\x09", "\x00"}, s.tokens()), "to want none is not to say nothing")
}

func TestATokenThatWasHandedOverIsNobodyElses(t *testing.T) {
	s := echo()
	c := kv.NewClient(s)
	given := []byte("given")
	c.Resume(given)
	copy(given, "XXXXX")
	copy(c.Token(), "XXXXX")
	_, _ = c.Get(t.Context(), "k")
	require.True(t, bytes.Equal([]byte("given"), s.asked[0].Token), "%q", s.asked[0].Token)
}
