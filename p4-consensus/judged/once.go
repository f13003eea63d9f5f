package judged

import (
	"math/rand/v2"

	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p4-consensus/judged/windows"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

const stepOnce = "p4.5"

// onceChecks are those of p4.5.
func onceChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepOnce, Name: "a window remembers what a list of all commands would", Run: remembersAll(2),
			Rule: "Of each voter's latest life every command is executed once, however often and in whatever order it comes.",
		},
		{
			Step: stepOnce, Name: "a window moves on, and what is before it is over", Run: remembersAll(3 * snapshot.WindowSize),
			Rule: "A command from before the window, or from an earlier life, is not executed: nobody waits for it.",
		},
	}
}

// executed is what Windows promise, in the plainest way.
type executed struct {
	life, highest uint64
	all           map[uint64]bool
}

func (x *executed) done(o proto.Origin) bool {
	if o.Life != x.life {
		return o.Life < x.life
	}
	return x.all[o.Seq] || o.Seq == 0 || o.Seq+snapshot.WindowSize <= x.highest
}

func (x *executed) first(o proto.Origin) bool {
	if o.Life > x.life {
		*x = executed{life: o.Life, all: map[uint64]bool{}}
	}
	if x.done(o) {
		return false
	}
	x.all[o.Seq], x.highest = true, max(x.highest, o.Seq)
	return true
}

// questions is how many a window is asked.
const questions = 3000

// remembersAll asks at random, near what came last, and now and then so far ahead.
func remembersAll(ahead uint64) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p4-consensus/paxos/snapshot")
		far := t.Far(map[string]*machine.Protocol{windows.Role: windows.Protocol()}, program)
		m, err := far.Protocol(windows.Role).New(machine.Addr{Node: 1, Role: windows.Role}, nil)
		if err != nil {
			t.Fatalf("%v", err)
		}
		r := rand.New(rand.NewPCG(t.Seed(), ahead))
		known := map[uint64]*executed{1: {all: map[uint64]bool{}}, 2: {all: map[uint64]bool{}}}
		for n := range uint64(questions) {
			o := proto.Origin{Voter: proto.Voter{Node: 1, Disk: 1 + r.Uint64N(2)}}
			x := known[o.Disk]
			q := windows.Question{Origin: draw(r, o, x, ahead), First: r.IntN(2) == 0}
			want := false
			if q.First {
				want = x.first(q.Origin)
			} else if x.life > 0 {
				want = x.done(q.Origin)
			}
			var out machine.Out
			m.Step(machine.In{Event: machine.Ask{ID: n + 1, Cmd: q}}, &out)
			if len(out.Reply) != 1 || out.Reply[0].Data != (windows.Answer{Yes: want}) {
				t.Fatalf("question %d, %+v, is answered with %v: want %v", n+1, q, out.Reply, want)
			}
		}
	}
}

// draw draws the number of a command near the highest of its voter's, rarely far from it, and
// rarely another life.
func draw(r *rand.Rand, o proto.Origin, x *executed, ahead uint64) proto.Origin {
	o.Life = max(x.life, 1)
	switch r.IntN(400) {
	case 0:
		o.Life++
	case 1:
		o.Life--
	}
	o.Seq = x.highest + r.Uint64N(70)
	switch r.IntN(40) {
	case 0:
		o.Seq += r.Uint64N(ahead)
	case 1:
		o.Seq -= min(o.Seq, snapshot.WindowSize+2-r.Uint64N(4))
	default:
		o.Seq -= min(o.Seq, r.Uint64N(68))
	}
	return o
}
