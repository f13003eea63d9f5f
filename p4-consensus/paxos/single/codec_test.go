package single_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

type decoder = func([]byte) (machine.Data, error)

// decoders are all of them, in a fixed order.
func decoders() []decoder {
	var all []decoder
	for _, role := range []string{single.Acceptor, single.Proposer, single.Learner} {
		p := single.Protocol(role)
		for _, d := range []decoder{p.Message, p.Record, p.Command, p.Answer} {
			if d != nil {
				all = append(all, d)
			}
		}
	}
	return all
}

// takers returns how many decoders take some bytes, and what they make of them.
func takers(t testing.TB, b []byte) (n int, d machine.Data) {
	t.Helper()
	for _, decode := range decoders() {
		got, err := decode(b)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			require.Nil(t, got)
			continue
		}
		n, d = n+1, got
	}
	return n, d
}

func TestEveryKindHasItsBytesAndItsReaders(t *testing.T) {
	for _, c := range []struct {
		data    machine.Data
		bytes   string
		readers int
	}{
		{single.Prepare{Ballot: ballot(1, 11)}, "01 01 0b", 1},
		{single.Promise{Ballot: ballot(1, 11)}, "02 01 0b 00 00 40", 1},
		{single.Promise{Ballot: ballot(300, 11), Last: vote(2, 12, "x")}, "02 19012c 0b 02 0c 4178", 1},
		{single.Nack{Ballot: ballot(1, 11), Promised: ballot(1, 12)}, "03 01 0b 01 0c", 1},
		{single.Accept(vote(1, 11, "")), "04 01 0b 40", 1},
		{single.Accepted(vote(1, 11, "\xff\x00")), "05 01 0b 42ff00", 1},
		{single.Inquire{}, "06", 3},
		{single.Retry{Ballot: ballot(1, 11)}, "07 01 0b", 1},
		{single.Again{}, "08", 1},
		{single.Kept{Promised: ballot(1, 11)}, "09 01 0b 00 00 40", 1},
		{single.Kept{Promised: ballot(1, 11), Voted: vote(1, 11, "x")}, "09 01 0b 01 0b 4178", 1},
		{single.Used{Ballot: ballot(proto.MaxRound, 11)}, "0a 1b0001000000000000 0b", 1},
		{single.Propose{Value: "x"}, "0b 4178", 1},
		{single.Learn{}, "0c", 1},
		{single.Chosen{Value: "x"}, "0d 4178", 4},
		{single.Refused{Why: single.Disabled}, "0e 02", 2},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.bytes, " ", ""))
		require.NoError(t, err)
		require.Equal(t, want, c.data.AppendTo(nil), "%T", c.data)
		n, got := takers(t, want)
		require.Equal(t, c.readers, n, "%T", c.data)
		equal(t, c.data, got)
		for cut := range want {
			n, _ = takers(t, want[:cut])
			require.Zero(t, n, "%T cut to %d bytes", c.data, cut)
		}
		n, _ = takers(t, append(slices.Clone(want), 0))
		require.Zero(t, n, "%T with a byte more", c.data)
	}
}

func TestAValueIsAtMost64KiB(t *testing.T) {
	for _, decode := range []func(string) machine.Data{
		func(v string) machine.Data { return single.Propose{Value: v} },
		func(v string) machine.Data { return single.Chosen{Value: v} },
		func(v string) machine.Data { return single.Accept(vote(1, 11, v)) },
		func(v string) machine.Data { return single.Accepted(vote(1, 11, v)) },
		func(v string) machine.Data { return single.Promise{Ballot: ballot(2, 11), Last: vote(1, 11, v)} },
		func(v string) machine.Data { return single.Kept{Promised: ballot(2, 11), Voted: vote(1, 11, v)} },
	} {
		most := strings.Repeat("x", 64<<10)
		n, got := takers(t, decode(most).AppendTo(nil))
		require.NotZero(t, n)
		require.Equal(t, decode(most), got)
		n, _ = takers(t, decode(most+"x").AppendTo(nil))
		require.Zero(t, n)
	}
}

func TestDecodersRefuseWhatNobodySays(t *testing.T) {
	for name, d := range map[string]machine.Data{
		"a ballot of nobody's":        single.Prepare{},
		"a ballot without a node":     single.Prepare{Ballot: ballot(1, 0)},
		"a ballot without a round":    single.Prepare{Ballot: ballot(0, 11)},
		"a ballot above all":          single.Used{Ballot: ballot(proto.MaxRound+1, 11)},
		"a value without a vote":      single.Promise{Ballot: ballot(1, 11), Last: single.Vote{Value: "x"}},
		"a promise below its vote":    single.Promise{Ballot: ballot(1, 11), Last: vote(2, 11, "x")},
		"a promise beside its vote":   single.Promise{Ballot: ballot(1, 11), Last: vote(1, 11, "x")},
		"a vote above the promise":    single.Kept{Promised: ballot(1, 11), Voted: vote(1, 12, "x")},
		"a refusal for a lower":       single.Nack{Ballot: ballot(2, 11), Promised: ballot(1, 12)},
		"a refusal for itself":        single.Nack{Ballot: ballot(2, 11), Promised: ballot(2, 11)},
		"a refusal of no known kind":  single.Refused{Why: single.Disabled + 1},
		"a kind that there is not":    machine.Raw{15},
		"a number that is not short":  machine.Raw{1, 0x18, 1, 11},
		"a value of endless length":   machine.Raw{0x0d, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a text in place of a value":  machine.Raw{0x0d, 0x61, 'x'},
		"a refusal beyond all kinds":  machine.Raw{0x0e, 0x19, 1, 0},
		"a negative number of rounds": machine.Raw{1, 0x20, 11},
	} {
		n, _ := takers(t, d.AppendTo(nil))
		require.Zero(t, n, name)
	}
}

func TestWhatIsDecodedSharesNoMemoryWithTheBytes(t *testing.T) {
	b := single.Propose{Value: "value"}.AppendTo(nil)
	d, err := single.Protocol(single.Proposer).Command(b)
	require.NoError(t, err)
	for i := range b {
		b[i] = 0xee
	}
	equal(t, machine.Data(single.Propose{Value: "value"}), d)
}

// FuzzDecoders holds all decoders to what AppendTo writes: one encoding for one value.
func FuzzDecoders(f *testing.F) {
	for _, d := range []machine.Data{
		single.Promise{Ballot: ballot(2, 11), Last: vote(1, 12, "x")},
		single.Nack{Ballot: ballot(1, 11), Promised: ballot(1, 12)},
		single.Kept{Promised: ballot(1, 11), Voted: vote(1, 11, "x")},
		single.Chosen{Value: "x"},
		single.Refused{Why: single.TooLarge},
		single.Inquire{},
	} {
		f.Add(d.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, d := takers(t, b); n > 0 {
			require.Equal(t, b, d.AppendTo(nil))
		}
	})
}

// FuzzConfig does the same for a Config, which is completed when it is decoded.
func FuzzConfig(f *testing.F) {
	f.Add(usual().AppendTo(nil))
	f.Add(of(5).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := single.DecodeConfig(b)
		if err != nil {
			return
		}
		require.NoError(t, c.Check())
		again, err := single.DecodeConfig(c.AppendTo(nil))
		require.NoError(t, err)
		equal(t, c, again)
	})
}

// FuzzSteps gives machines whatever their decoders take, from whoever may say it, and crashes
// them on the way: none panics, and no ballot on a disk goes back. Each message stands behind a
// byte: its length less one, the node it is from, and whether a crash comes first.
func FuzzSteps(f *testing.F) {
	var whole []byte
	for i, msg := range []machine.Data{
		single.Propose{Value: "x"},
		single.Prepare{Ballot: ballot(1, 11)},
		single.Promise{Ballot: ballot(1, 11)},
		single.Promise{Ballot: ballot(1, 11)},
		single.Accept(vote(1, 11, "x")),
		single.Nack{Ballot: ballot(1, 11), Promised: ballot(9, 12)},
		single.Retry{Ballot: ballot(1, 11)},
		single.Learn{},
		single.Accepted(vote(1, 11, "x")),
		single.Inquire{},
		single.Again{},
		single.Chosen{Value: "x"},
	} {
		b := msg.AppendTo(nil)
		whole = append(append(whole, byte(len(b)-1|i%3<<4|i%5/4<<7)), b...)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, self := range []machine.Addr{acceptor(1), proposer(11), learner(21)} {
			s := start(t, usual(), self)
			for rest := b; len(rest) > 1; {
				head, n := rest[0], min(int(rest[0])%16+1, len(rest)-1)
				if head>>7 == 1 {
					s.restart()
				}
				s.takes(machine.Node(head>>4%3), rest[1:1+n])
				rest = rest[1+n:]
			}
			s.restart()
			for i := 1; i < len(s.disk); i++ {
				require.False(t, highest(s.disk[i]).Less(highest(s.disk[i-1])), "%v after %v", s.disk[i], s.disk[i-1])
			}
		}
	})
}

// takes gives the machine some bytes as a message from the i-th of each role and from itself,
// and as a command.
func (s *subject) takes(i machine.Node, b []byte) {
	p := single.Protocol(s.self.Role)
	if msg, err := p.Message(b); err == nil {
		for _, from := range []machine.Addr{acceptor(1 + i), proposer(11 + i), learner(21 + i), s.self} {
			s.hears(from, msg)
		}
	}
	if p.Command != nil {
		if cmd, err := p.Command(b); err == nil {
			s.asked(cmd)
		}
	}
}

// highest is the ballot that a record tells of.
func highest(r machine.Data) proto.Ballot {
	if k, ok := r.(single.Kept); ok {
		return k.Promised
	}
	return r.(single.Used).Ballot
}
