package lock_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/lock"
	"dss.example/p4-consensus/paxos"
)

var commands = []machine.Data{
	lock.Open{Session: 1 << 63, TTL: lock.MinTTL},
	lock.Open{Session: 1, TTL: lock.MaxTTL},
	lock.Renew{Session: 7},
	lock.Close{Session: 7},
	lock.Acquire{Session: 7, Seq: 1, Name: "\x00\xff", Wait: true},
	lock.Acquire{Session: 7, Seq: 1 << 40, Name: strings.Repeat("n", lock.MaxName)},
	lock.Release{Session: 7, Seq: 2, Name: "x"},
	lock.Query{Name: "x"},
	lock.Query{Session: 7, Name: "x", Wait: lock.MaxWait},
}

var answers = []*lock.Answer{
	{Status: lock.OK},
	{Status: lock.Unknown, Text: "why", Try: "127.0.0.1:7001"},
	{Status: lock.Waiting, At: 5, Until: 6, Lock: lock.Lock{Holder: 1, Token: 2, Since: 3, Until: 4, Waiters: 9, Place: 8}},
}

func TestCommandsAndAnswersAreTheirBytes(t *testing.T) {
	for _, c := range commands {
		got, err := lock.DecodeCommand(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got))
	}
	for _, a := range answers {
		got, err := lock.DecodeAnswer(a.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(machine.Data(a), got))
	}
}

func TestACommandOutOfItsBoundsIsRefused(t *testing.T) {
	for text, c := range map[string]machine.Data{
		"session 0":             lock.Renew{},
		"number 0":              lock.Release{Session: 1, Name: "x"},
		"name of 0 bytes":       lock.Query{},
		"name of 257 bytes":     lock.Acquire{Session: 1, Seq: 1, Name: strings.Repeat("n", lock.MaxName+1)},
		"a time of 99999999 ns": lock.Open{Session: 1, TTL: lock.MinTTL - 1},
		"want 0 to 60000000000": lock.Query{Name: "x", Wait: lock.MaxWait + 1},
		"a time of -1 ns":       lock.Query{Name: "x", Wait: -1},
		"to 3600000000000":      lock.Open{Session: 1, TTL: lock.MaxTTL + 1},
		"command of kind 8":     &lock.Answer{Status: lock.OK},
		"an unsigned integer":   raw("\x40"),
		"ends early":            raw(""),
		"1 bytes after the end": raw(string(lock.Renew{Session: 1}.AppendTo(nil)) + "\x00"),
	} {
		_, err := lock.DecodeCommand(c.AppendTo(nil))
		require.ErrorContains(t, err, text)
	}
}

// raw is bytes that claim to be data.
type raw string

func (r raw) AppendTo(b []byte) []byte { return append(b, r...) }

func TestEveryStatusHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := lock.OK; s <= lock.Unknown; s++ {
		require.NotEqual(t, "none", s.String())
		require.False(t, seen[s.String()])
		seen[s.String()] = true
	}
	require.Equal(t, "none", (lock.Unknown + 1).String())
}

func FuzzDecode(f *testing.F) {
	for _, c := range commands {
		f.Add(c.AppendTo(nil))
	}
	for _, a := range answers {
		f.Add(a.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range []func([]byte) (machine.Data, error){lock.DecodeCommand, lock.DecodeAnswer} {
			if data, err := decode(b); err == nil {
				require.Equal(t, b, data.AppendTo(nil), "one value has one encoding")
			}
		}
	})
}

func TestTheLanguageSaysWhatBecameOfACommand(t *testing.T) {
	l := lock.Language("lock")
	for why, want := range map[paxos.Refusal]lock.Status{
		paxos.Overloaded: lock.Overloaded, paxos.Unavailable: lock.Unavailable, paxos.Invalid: lock.Invalid,
		paxos.Conflict: lock.Invalid, paxos.Unknown: lock.Unknown,
	} {
		require.Empty(t, cmp.Diff(machine.Data(&lock.Answer{Status: want, Text: "why", Try: "where"}), l.Refuse(why, "why", "where")))
	}
	require.Equal(t, paxos.ReadIndex, l.Sort(lock.Query{Name: "x"}))
	require.Equal(t, paxos.Write, l.Sort(lock.Renew{Session: 1}))
}

func TestAQueryWaitsWhileItsSessionStandsInTheQueue(t *testing.T) {
	l := lock.Language("lock")
	q := lock.Query{Session: 2, Name: "x", Wait: second}
	again, wait := l.Wait(q, &lock.Answer{Status: lock.OK, Lock: lock.Lock{Place: 1}})
	require.Equal(t, second, wait)
	require.Equal(t, q, again)
	_, wait = l.Wait(q, &lock.Answer{Status: lock.OK, Lock: lock.Lock{Holder: 2}})
	require.Zero(t, wait)
	_, wait = l.Wait(lock.Query{Session: 2, Name: "x"}, &lock.Answer{Lock: lock.Lock{Place: 1}})
	require.Zero(t, wait, "who has not asked to wait does not")
}
