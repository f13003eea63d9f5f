package door_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
)

// solo is a group of one without a world: what it sends to itself arrives at once.
type solo struct {
	m        machine.Machine
	now      machine.Time
	asks     uint64
	answered int
	letters  []machine.Data
	out      machine.Out
}

func newSolo(b *testing.B) *solo {
	cfg := paxos.Config{Peers: []proto.Member{{Voter: proto.Voter{Node: 1}, Addr: place(1)}}, Alpha: 64}
	m, err := door.Language(role, newToy).Protocol().New(addr(1), cfg.AppendTo(nil))
	require.NoError(b, err)
	s := &solo{m: m}
	s.step(machine.Ready{Fresh: true})
	for range 100 {
		s.now += 20 * machine.Millisecond
		s.step(machine.Recv{From: addr(1), Msg: proto.Tick{}})
		s.deliver()
	}
	return s
}

func (s *solo) step(e machine.Event) {
	s.out.Save, s.out.Send, s.out.Reply, s.out.Note = s.out.Save[:0], s.out.Send[:0], s.out.Reply[:0], s.out.Note[:0]
	s.m.Step(machine.In{Now: s.now, Rand: 1, Event: e}, &s.out)
	s.answered += len(s.out.Reply)
	for _, e := range s.out.Send {
		if e.After == 0 {
			s.letters = append(s.letters, e.Msg)
		}
	}
}

// deliver lets the replica hear all that it has to tell itself.
func (s *solo) deliver() {
	for i := 0; i < len(s.letters); i++ {
		s.step(machine.Recv{From: addr(1), Msg: s.letters[i]})
	}
	s.letters = s.letters[:0]
}

func (s *solo) ask(req *kv.Request) {
	s.asks++
	s.step(machine.Ask{ID: s.asks, Cmd: req})
}

// BenchmarkPut is what the core and the door take of a put, with a store that takes nothing:
// one at a time, many that share a slot, and one at a time while long polls wait.
func BenchmarkPut(b *testing.B) {
	for _, bench := range []struct{ together, polls int }{{1, 0}, {64, 0}, {1, 100}, {1, 1000}} {
		b.Run(fmt.Sprintf("together=%d/polls=%d", bench.together, bench.polls), func(b *testing.B) {
			s := newSolo(b)
			for range bench.polls {
				s.ask(&kv.Request{Wait: kv.MaxWait, Op: kv.Events{From: "a", To: "b"}})
			}
			s.deliver()
			require.Zero(b, s.answered, "the polls wait")
			put := &kv.Request{Session: 1, Seq: 1, Op: kv.Put{Key: "user/00001234", Value: make([]byte, 100)}}
			puts := 0
			b.ReportAllocs()
			for b.Loop() {
				for range bench.together {
					put.Seq++
					s.ask(put)
				}
				s.deliver()
				puts += bench.together
			}
			require.Equal(b, puts, s.answered)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(puts), "ns/put")
		})
	}
}
