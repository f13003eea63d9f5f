package judged

import (
	"fmt"
	"math/rand/v2"

	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/vector"
)

// program serves the parts of a submission, and its servers that have met.
const program = "parts"

// part is a part of the submission's, in a process of its own.
type part struct {
	t   *judge.T
	far *machine.Protocol
	m   machine.Machine
	n   uint64 // questions so far
	r   *rand.Rand
}

// newPart starts a part. Its name is that of its role; its tests are in a folder of the stage.
func newPart(t *judge.T, role, folder string) *part {
	t.Replay("go test ./p3-replication/%s", folder)
	p := &part{t: t, far: t.Far(asked.Roles(), program).Protocol(role)}
	p.anew(0)
	return p
}

// anew begins again with a part that has been asked nothing, and other random numbers.
func (p *part) anew(i int) {
	m, err := p.far.New(machine.Addr{Node: 1, Role: p.far.Name}, nil)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	p.m, p.r = m, rand.New(rand.NewPCG(p.t.Seed(), uint64(i)))
}

// ask asks, and returns the answer.
func (p *part) ask(op asked.Op, numbers []uint64, bytes ...[]byte) asked.Talk {
	p.n++
	var out machine.Out
	p.m.Step(machine.In{Event: machine.Ask{ID: p.n, Cmd: asked.Talk{Op: op, Numbers: numbers, Bytes: bytes}}}, &out)
	if len(out.Reply) != 1 || out.Reply[0].ID != p.n {
		p.t.Fatalf("question %d has %d answers: want one", p.n, len(out.Reply))
	}
	return out.Reply[0].Data.(asked.Talk)
}

// number asks for one number.
func (p *part) number(op asked.Op, numbers []uint64, bytes ...[]byte) uint64 {
	a := p.ask(op, numbers, bytes...)
	if len(a.Numbers) != 1 {
		p.t.Fatalf("question %d is answered with %d numbers: want one", p.n, len(a.Numbers))
	}
	return a.Numbers[0]
}

// answer unwraps what an answer holds, or ends the check.
func answer[T any](p *part, v T, err error) T {
	if err != nil {
		p.t.Fatalf("question %d: %v", p.n, err)
	}
	return v
}

// name returns a server's name of its levels.
func name(levels ...uint64) vector.Server {
	s := vector.Root
	for _, t := range levels {
		child, err := s.Child(t)
		if err != nil {
			panic(fmt.Sprintf("a name of staff's: %v", err))
		}
		s = child
	}
	return s
}

// servers are those of which parts are asked: the first, its children, and theirs.
func servers() []vector.Server {
	return []vector.Server{name(), name(3), name(5), name(5, 7), name(5, 7, 8), name(9)}
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }
