//go:build unix

package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func TestFlagsThatMakeNoSenseAreRefusedBeforeAnythingStarts(t *testing.T) {
	for args, want := range map[string]string{
		"-soak 1s":             "demo: bad value 1s for -soak: want 0, or 10s to 48h0m0s\n",
		"-soak -1m":            "demo: bad value -1m0s for -soak: want 0, or 10s to 48h0m0s\n",
		"-soak 1m -lease 1s":   "demo: bad value 1s for -lease: want 0 to 200ms\n",
		"-lease 100ms":         "demo: -lease without -soak: want -soak 30m, say\n",
		"-soak 1m -seed -3":    "demo: bad value \"-3\" for -seed: want a whole number from 0 up, of at most 64 bits\n",
		"-soak 1m for an hour": "demo: takes no arguments, got \"for an hour\"\n",
	} {
		var out, errs bytes.Buffer
		code := cli.Run(context.Background(), command(), strings.Fields(args), cli.Std{Out: &out, Err: &errs})
		require.Equal(t, cli.BadUsage, code, args)
		require.Equal(t, want, errs.String())
		require.Empty(t, out.String())
	}
}

// shelf is a store that does each append so many times.
type shelf struct {
	times int
	items map[string]string
}

// Offers implements kv.Store.
func (s *shelf) Offers() kv.Caps { return kv.Caps{Has: kv.CapAppend} }

// Do implements kv.Store.
func (s *shelf) Do(_ context.Context, req *kv.Request) *kv.Response {
	switch op := req.Op.(type) {
	case kv.Append:
		s.items[op.Key] += strings.Repeat(string(op.Value), s.times)
		return &kv.Response{Status: kv.OK, Result: kv.Length{Bytes: len(s.items[op.Key])}}
	case kv.Get:
		return &kv.Response{Status: kv.OK, Result: kv.Item{Key: op.Key, Value: []byte(s.items[op.Key])}}
	}
	return kv.Refuse(kv.Unsupported, "want append or get")
}

func TestAnAcknowledgedWriteThatIsLostOrDoubledIsFound(t *testing.T) {
	for times, wrong := range map[int]string{
		0: "the ledger has 0 bytes after an append: want 2, \"1,\"",
		1: "",
		2: "the ledger has 4 bytes after an append: want 2, \"1,\"",
	} {
		k := &soak{stage: &stage{}, round: 1, recent: []string{"a harm"}, ledger: []string{""}, bookkeeper: &shelf{times, map[string]string{}}}
		err := k.recover(t.Context())
		if wrong != "" {
			require.EqualError(t, err, wrong)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, k.checkLedger(t.Context(), 1))
	}
}

func TestAWriteThatIsLostLaterIsFound(t *testing.T) {
	s := &shelf{1, map[string]string{}}
	k := &soak{stage: &stage{}, bookkeeper: s}
	for k.round = 1; k.round <= 3; k.round++ {
		k.ledger = append(k.ledger, "")
		for range 3 {
			k.recent = append(k.recent, "a harm")
			require.NoError(t, k.recover(t.Context()))
		}
	}
	require.NoError(t, k.checkLedger(t.Context(), 1))
	s.items[k.page(2)] = "4,6,"
	require.EqualError(t, k.checkLedger(t.Context(), 1), `the ledger's page 2 is "4,6,": want "4,5,6,"`)
	require.NoError(t, k.checkLedger(t.Context(), 3))
}

func TestAHarmLastsLongEnoughToBeFeltAndNoCallersPatience(t *testing.T) {
	k := &soak{rand: rand.New(rand.NewPCG(1, 1))}
	short, long := 0, 0
	for range 1000 {
		d := k.lasting()
		require.GreaterOrEqual(t, d, shortest)
		require.LessOrEqual(t, d, longest)
		require.Less(t, d, patience/4)
		if d < 4*shortest {
			short++
		}
		if d > longest/2 {
			long++
		}
	}
	require.Greater(t, short, 200)
	require.Greater(t, long, 50)
}
