package judged

import (
	"errors"
	"slices"

	"dss.example/common/judge"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/explore"

	"dss.example/p4-consensus/judged/watched"
	"dss.example/p4-consensus/paxos/single"
	"dss.example/p4-consensus/spec"
)

// program serves the machines of a submission.
const program = "parts"

// groups are the configurations that schedules are run with: usual; with a distinguished
// learner; with quorums of two sizes; of an even number; and a larger one.
func groups() []single.Config {
	usual := single.Usual()
	told := single.Usual()
	told.Told = 1
	even := single.Usual()
	even.Acceptors = []machine.Node{1, 2, 3, 4}
	flexible := even
	flexible.Quorum1, flexible.Quorum2 = 3, 2
	return []single.Config{usual, told, even, flexible, crowded()}
}

// crowded is a group of five acceptors, three proposers and three learners.
func crowded() single.Config {
	return single.Config{
		Acceptors: []machine.Node{1, 2, 3, 4, 5}, Proposers: []machine.Node{11, 12, 13}, Learners: []machine.Node{21, 22, 23}, Told: 2,
	}
}

// world is that of a group in which the machines of some roles are the submission's, with the
// specification as its judge.
func world(c single.Config, far []string) *sim.Config {
	cfg := single.World(c, func() []sim.Judge { return []sim.Judge{spec.NewSynod(c)} })
	for i := range cfg.Nodes {
		r := &cfg.Nodes[i].Roles[0]
		r.Remote = slices.Contains(far, r.Name)
	}
	return cfg
}

const (
	inFrame = 64                  // worlds that share a frame of the pipe
	soon    = 10 * machine.Second // after the last fault, for an answer
)

// schedules runs many schedules of all groups together.
func schedules(far ...string) func(*judge.T) {
	return func(t *judge.T) { many(t, far, 0, t.Schedules()) }
}

// lively runs fewer, in which everybody must get an answer at last.
func lively(far ...string) func(*judge.T) {
	return func(t *judge.T) { many(t, far, soon, t.Schedules()/2) }
}

// many runs about n schedules, at least one of each group.
func many(t *judge.T, far []string, liveness machine.Time, n int) {
	t.Replay("go test ./p4-consensus/paxos/single -run 'Schedule|Answered'")
	pipe := t.Pipe(program)
	each := max(1, n/len(groups()))
	for _, c := range groups() {
		cfg := world(c, far)
		cfg.Liveness = liveness
		sum, err := pipe.Many(t.Context(), cfg, t.Seed(), each, inFrame)
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case sum.Failed != nil:
			t.Fatalf("%d acceptors, %d proposers, %d learners, seed %d: %v",
				len(c.Acceptors), len(c.Proposers), len(c.Learners), sum.Seed, sum.Failed)
		case sum.Schedules < each:
			t.NotJudged("only %d of %d schedules were run", sum.Schedules, each)
		case sum.Answers < each:
			t.Fatalf("in %d schedules %d requests were answered: want one in each at least", each, sum.Answers)
		}
	}
}

// liveRuns is how many schedules are run with a process for each life: starting one takes
// longer than a schedule.
const liveRuns = 10

// lives runs schedules in which each life of a machine is a process: nothing that it keeps
// anywhere but in its records is there in the next.
func lives(role string) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p4-consensus/paxos/single -run 'Restart|Schedule'")
		answers := 0
		for i := range liveRuns {
			cfg := world(single.Usual(), nil)
			for n := range cfg.Nodes {
				if r := &cfg.Nodes[n].Roles[0]; r.Name == role {
					r.Protocol = mortalProtocol(t, role)
				}
			}
			seed := t.Seed() + uint64(i)
			w := sim.NewWorld(cfg, seed)
			fail := w.Run()
			answers += w.Stats().Answers
			w.Close()
			if fail != nil {
				t.Fatalf("seed %d: %v", seed, fail)
			}
		}
		if answers < liveRuns {
			t.Fatalf("in %d schedules %d requests were answered: want one in each at least", liveRuns, answers)
		}
	}
}

// mortalProtocol makes each machine in a process of its own, which dies with it.
func mortalProtocol(t *judge.T, role string) *machine.Protocol {
	p := *single.Protocol(role)
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		far := t.Far(single.Roles(), program)
		m, err := far.Protocol(role).New(self, config)
		return &mortal{m, far.Process()}, err
	}
	return &p
}

// mortal is a machine that is alone in its process.
type mortal struct {
	machine.Machine
	process *judge.Process
}

// Stop implements machine.Stopper.
func (m *mortal) Stop() {
	m.process.Kill()
	m.process.Wait()
}

// maxWorlds bounds a search: the reference has a sixth as many worlds, and as many with a
// crash. A submission whose machines tell more states apart is searched as far as that.
const maxWorlds = 1_000_000

// searched tries every run of a small world, with so many crashes in a run.
func searched(crashes int, far ...string) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go run ./p4-consensus/cmd/sim -explore")
		small := single.Small(single.Few())
		small.Crashes, small.MaxWorlds = crashes, maxWorlds
		safe, useful := small.Invariant, false
		small.Invariant = func(w explore.World) error {
			for a := range w.Answers() {
				_, chosen := a.Data.(single.Chosen)
				useful = useful || chosen
			}
			return safe(w)
		}
		small.Progress = func(explore.Progress) bool { return t.Context().Err() == nil }
		there := t.Far(watchedRoles(), program)
		for i := range small.Places {
			if p := &small.Places[i]; slices.Contains(far, p.Addr.Role) {
				p.New = watchedAt(there, p)
			}
		}
		result, err := explore.Search(small)
		switch {
		case err != nil:
			t.NotJudged("%v", err)
		case t.Context().Err() != nil:
			t.NotJudged("the search was stopped after %d worlds", result.Worlds)
		case result.Violation != nil:
			t.Fatalf("%v", result.Violation)
		case result.Worlds < maxWorlds && errors.Is(result.Err(), explore.ErrNotExhausted):
			t.NotJudged("%v", result.Err())
		case !useful:
			t.Fatalf("in none of %d worlds anybody is told what is chosen", result.Worlds)
		}
	}
}

// watchedRoles are all that cmd/parts serves.
func watchedRoles() map[string]*machine.Protocol {
	all := single.Roles()
	for role, p := range single.Roles() {
		all[watched.Role(role)] = p
	}
	return all
}

// watchedAt makes machines for a place of a search.
func watchedAt(there *judge.Far, p *explore.Place) func() (explore.Live, error) {
	role, self, config := watched.Role(p.Addr.Role), p.Addr, p.Config
	return func() (explore.Live, error) {
		m, err := there.Protocol(role).New(self, config)
		if err != nil {
			return nil, err
		}
		return watched.Live(m), nil
	}
}
