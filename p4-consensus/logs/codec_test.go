package logs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/loglet"
	"dss.example/common/machine"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos"
)

var commands = []machine.Data{
	logs.Append{Bodies: bytesOf("")},
	logs.Append{Streams: []loglet.Stream{1 << 63, 1}, Bodies: bytesOf("\x00\xff", "", "more")},
	logs.Append{Streams: numbered(loglet.MaxStreams), Bodies: make([][]byte, loglet.MaxBatch)},
	logs.Trim{},
	logs.Trim{Before: 1 << 63},
	logs.Seal{},
	logs.Tail{},
	logs.Read{From: 1, To: 2},
	logs.Read{From: 1<<64 - 2, To: 1<<64 - 1},
	logs.Back{Stream: 1, Before: 1, Max: 1},
	logs.Back{Stream: 7, Before: 1 << 40, Max: loglet.MaxPage},
}

var answers = []*logs.Answer{
	{Status: logs.OK},
	{Status: logs.OK, Bounds: loglet.Bounds{Head: 2, Tail: 9, Sealed: true}, First: 8},
	{Status: logs.OK, Page: loglet.Page{Entries: []loglet.Entry{{Pos: 3, Body: []byte("x")}, {Pos: 4}}, Next: 5}},
	{Status: logs.OK, Positions: []loglet.Pos{9, 7, 1}},
	{Status: logs.Unknown, Text: "why", Try: "127.0.0.1:7001"},
}

func numbered(n int) (streams []loglet.Stream) {
	for i := range n {
		streams = append(streams, loglet.Stream(i+1))
	}
	return streams
}

func TestCommandsAndAnswersAreTheirBytes(t *testing.T) {
	for _, c := range commands {
		got, err := logs.DecodeCommand(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got, cmpopts.EquateEmpty()))
	}
	for _, a := range answers {
		got, err := logs.DecodeAnswer(a.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(machine.Data(a), got))
	}
}

// raw is bytes that claim to be data.
type raw string

func (r raw) AppendTo(b []byte) []byte { return append(b, r...) }

func TestACommandOutOfItsBoundsIsRefused(t *testing.T) {
	for text, c := range map[string]machine.Data{
		"0 entries, want 1 to 256":    logs.Append{},
		"257 entries, want 1 to 256":  logs.Append{Bodies: make([][]byte, loglet.MaxBatch+1)},
		"5242881 bytes of entries":    logs.Append{Bodies: [][]byte{make([]byte, loglet.MaxBytes), {1}}},
		"17 streams, at most 16":      logs.Append{Streams: numbered(17), Bodies: bytesOf("x")},
		"stream 7 twice":              logs.Append{Streams: []loglet.Stream{7, 1, 7}, Bodies: bytesOf("x")},
		"stream 0, want":              logs.Append{Streams: []loglet.Stream{0}, Bodies: bytesOf("x")},
		"position 0, want":            logs.Read{To: 1},
		"a read from 5 to 5":          logs.Read{From: 5, To: 5},
		"stream 0, want 1":            logs.Back{Before: 1, Max: 1},
		"position 0, want 1":          logs.Back{Stream: 1, Max: 1},
		"0 positions, want 1 to 1024": logs.Back{Stream: 1, Before: 1},
		"1025 positions, want":        logs.Back{Stream: 1, Before: 1, Max: loglet.MaxPage + 1},
		"command of kind 7":           &logs.Answer{Status: logs.OK},
		"an unsigned integer":         raw("\x40"),
		"ends early":                  raw(""),
		"1 bytes after the end":       raw(string(logs.Seal{}.AppendTo(nil)) + "\x00"),
	} {
		_, err := logs.DecodeCommand(c.AppendTo(nil))
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
}

func TestAnAnswerOutOfItsBoundsIsRefused(t *testing.T) {
	long := loglet.Page{Entries: make([]loglet.Entry, loglet.MaxPage+1)}
	heavy := loglet.Page{Entries: []loglet.Entry{{Body: make([]byte, loglet.MaxBytes)}, {Body: []byte{1}}}}
	for text, a := range map[string]machine.Data{
		"status 0":                     &logs.Answer{},
		"status 10":                    &logs.Answer{Status: logs.Unknown + 1},
		"2050 positions and bodies":    &logs.Answer{Status: logs.OK, Page: long},
		"a page of 5242881 bytes":      &logs.Answer{Status: logs.OK, Page: heavy},
		"1025 positions, at most 1024": &logs.Answer{Status: logs.OK, Positions: make([]loglet.Pos, loglet.MaxPage+1)},
		"no answer of a log":           logs.Seal{},
	} {
		_, err := logs.DecodeAnswer(a.AppendTo(nil))
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
}

func TestEveryStatusHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := logs.OK; s <= logs.Unknown; s++ {
		require.NotEqual(t, "none", s.String())
		require.False(t, seen[s.String()])
		seen[s.String()] = true
	}
	require.Equal(t, "none", (logs.Unknown + 1).String())
}

func FuzzDecode(f *testing.F) {
	for _, c := range commands {
		f.Add(c.AppendTo(nil))
	}
	for _, a := range answers {
		f.Add(a.AppendTo(nil))
	}
	f.Add([]byte(strings.Repeat("\x9b", 9)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range []func([]byte) (machine.Data, error){logs.DecodeCommand, logs.DecodeAnswer} {
			if data, err := decode(b); err == nil {
				require.Equal(t, b, data.AppendTo(nil), "one value has one encoding")
			}
		}
	})
}

func TestTheLanguageSaysWhatBecameOfACommand(t *testing.T) {
	l := logs.Language("log")
	for why, want := range map[paxos.Refusal]logs.Status{
		paxos.Overloaded: logs.Overloaded, paxos.Unavailable: logs.Unavailable, paxos.Invalid: logs.Invalid,
		paxos.Conflict: logs.Invalid, paxos.Unknown: logs.Unknown,
	} {
		require.Empty(t, cmp.Diff(machine.Data(&logs.Answer{Status: want, Text: "why", Try: "where"}), l.Refuse(why, "why", "where")))
	}
	for _, c := range commands {
		want := paxos.ReadIndex
		switch c.(type) {
		case logs.Append, logs.Trim, logs.Seal:
			want = paxos.Write
		}
		require.Equal(t, want, l.Sort(c), "%T", c)
	}
}
