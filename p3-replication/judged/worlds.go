package judged

import (
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/world"
)

// Steps of servers.
const (
	stepAlone   = "p3.4"
	stepEntropy = "p3.5"
	stepCommit  = "p3.6"
	stepSession = "p3.7"
	stepDisk    = "p3.8"
)

// company is a world of servers that have met: which of them are there, which of these are the
// submission's, how they are configured, and who else is there.
type company struct {
	name    string
	kind    world.Kind
	here    []int
	far     []int
	tune    func(*bayou.Config) // what is not as in the kind of world
	watcher string              // who answers when all agree; empty: nobody is asked
}

// Who may watch a company.
const (
	auditor = "auditor" // of package world: until all is stable
	alike   = roleComparer
)

// all are the nodes of those who have met.
func all() []int { return []int{1, 2, 3} }

// roomy lets servers keep all writes, and save no state.
func roomy(c *bayou.Config) { c.Retain, c.Keep = 1<<20, 1<<30 }

// narrow lets them keep hardly any, so that who lags is sent the state, and save it often.
func narrow(c *bayou.Config) { c.Retain, c.Keep = 1, 600 }

// world makes the world.
func (c company) world(protocol func(node int) *machine.Protocol) *sim.Config {
	cfg := c.kind.World()
	cfg.Nodes = slices.DeleteFunc(cfg.Nodes, func(n sim.Node) bool { return !c.has(n.ID, n.Roles[0].Name) })
	cfg.Clients = slices.DeleteFunc(cfg.Clients, func(cl sim.Client) bool { return !c.has(cl.At.Node, cl.At.Role) })
	for i := range cfg.Nodes {
		node, role := int(cfg.Nodes[i].ID), &cfg.Nodes[i].Roles[0]
		if role.Name == world.Role {
			role.Protocol, role.Config = protocol(node), c.settings(node).AppendTo(nil)
			role.Remote = slices.Contains(c.far, node)
		}
	}
	if c.watcher == alike {
		cfg.Nodes, cfg.Clients = append(cfg.Nodes, comparerNode(c.here)), append(cfg.Clients, comparerClient())
	}
	cfg.Judges = func() []sim.Judge {
		all := c.kind.Judges()
		all[0] = met.Judge(all[0]) // the specification
		return all
	}
	return cfg
}

// has tells whether somebody of the kind of world is there.
func (c company) has(node machine.Node, role string) bool {
	switch role {
	case world.Role:
		return slices.Contains(c.here, int(node))
	case auditor:
		return c.watcher == auditor
	}
	return true
}

func (c company) settings(node int) *bayou.Config {
	s := c.kind.Settings(node)
	s.Found = false
	roomy(&s)
	if c.tune != nil {
		c.tune(&s)
	}
	return &s
}

// inFrame is how many worlds share a frame of the pipe: few, for where servers are never done all
// of them go on to the end of their time.
const inFrame = 16

// many runs a share of all schedules in some companies, half of each so that after the last fault
// all must be well soon. Tests for students are those of a pattern.
func many(share int, tests string, some ...company) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p3-replication/bayou -run %s", tests)
		pipe := t.Pipe(program)
		n := max(2, t.Schedules()/share/len(some))
		for _, c := range some {
			cfg := c.world(func(int) *machine.Protocol { return met.Protocol() })
			use := &uses{}
			judges := cfg.Judges
			cfg.Judges = func() []sim.Judge { return append(judges(), use) }
			for _, liveness := range []machine.Time{0, world.Soon} {
				cfg.Liveness = liveness
				sum, err := pipe.Many(t.Context(), cfg, t.Seed(), n/2, inFrame)
				switch {
				case err != nil:
					t.Fatalf("%v", err)
				case sum.Failed != nil:
					t.Fatalf("%s, seed %d: %v", c.name, sum.Seed, sum.Failed)
				case sum.Schedules < n/2:
					t.NotJudged("only %d of %d schedules were run", sum.Schedules, n/2)
				}
			}
			if use.done < n {
				t.Fatalf("%s: in %d schedules %d requests were done: want one in each at least", c.name, n, use.done)
			}
		}
	}
}

// uses counts what was done for clients in all runs: servers that do nothing break no rule.
type uses struct{ done int }

// Step implements sim.Judge.
func (*uses) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (u *uses) End(w *sim.World) error {
	for _, x := range w.History() {
		if resp, ok := x.Answer.(*kv.Response); ok && x.At.Role != auditor && x.At.Role != alike &&
			(resp.Status == kv.OK || resp.Status == kv.NotFound) {
			u.done++
		}
	}
	return nil
}

// liveRuns is how many schedules are run with a process for each life: starting one takes longer
// than a schedule.
const liveRuns = 4

// lives runs schedules in which each life of a server is a process: nothing that it keeps anywhere
// but in its records is there in the next.
func lives(t *judge.T) {
	t.Replay("go test ./p3-replication/bayou -run 'Disk|Crash'")
	c := company{kind: world.Usual(), here: all(), far: all(), tune: narrow}
	use := &uses{}
	for i := range liveRuns {
		cfg := c.world(func(int) *machine.Protocol { return mortalProtocol(t) })
		judges := cfg.Judges
		cfg.Judges = func() []sim.Judge { return append(judges(), use) }
		w := sim.NewWorld(cfg, t.Seed()+uint64(i))
		fail := w.Run()
		w.Close()
		if fail != nil {
			t.Fatalf("seed %d: %v", t.Seed()+uint64(i), fail)
		}
	}
	if use.done < liveRuns {
		t.Fatalf("in %d schedules %d requests were done: want one in each at least", liveRuns, use.done)
	}
}

// mortalProtocol makes each server in a process of its own, which dies with it.
func mortalProtocol(t *judge.T) *machine.Protocol {
	p := *met.Protocol()
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		far := t.Far(roles(), program)
		m, err := far.Protocol(world.Role).New(self, config)
		return &mortal{m, far.Process()}, err
	}
	return &p
}

// roles are those of servers that have met, and of who gives numbers instead of a primary.
func roles() map[string]*machine.Protocol {
	return map[string]*machine.Protocol{
		world.Role: met.Protocol(), roleOrder: {Name: roleOrder, Message: proto.DecodeMessage},
	}
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
