package durable

import (
	"fmt"
	"iter"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Inside is a machine that keeps nothing. It may send to itself only, and an envelope
// that it did not send, or that comes twice, must do no harm.
type Inside interface {
	machine.Machine

	// View returns the present state in O(1). Later steps do not change it.
	View() app.View

	// Load replaces the state by the pairs of a View. It is called before the first
	// step. On Ready the machine sees to whatever timers the state asks for. On an
	// error the state is what it was before.
	Load(pairs iter.Seq2[string, []byte]) error
}

// Config says how a Machine works.
type Config struct {
	Self   machine.Addr
	Inside Inside // new

	// Changes reports whether a command may change the state, or the answers to
	// commands that come after it.
	Changes func(cmd machine.Data) bool

	// Refuse makes the answer to a command that cannot be served, for the reason
	// given.
	Refuse func(reason string) machine.Data

	// From is the newest snapshot that was kept; nil if there is none.
	From *Snapshot
}

// Machine is a machine that survives a crash.
type Machine struct {
	config Config
	seq    uint64       // of the last record that was saved or loaded, or of the snapshot
	shift  machine.Time // from the world's clock to that of the machine inside
	last   machine.Time // the latest time that the machine inside has seen
	broken string       // why the state is not known; empty if it is

	replay // nothing of it is used after Ready
}

// replay is what has to be set right when the last record was loaded.
type replay struct {
	end  uint64   // of the log, as far as it was loaded
	open []uint64 // Asks of an earlier life that were not answered
	out  machine.Out
}

var _ machine.Machine = (*Machine)(nil)

// New returns a Machine. The error is that of loading a snapshot.
func New(c Config) (*Machine, error) {
	m := &Machine{config: c}
	if s := c.From; s != nil {
		if err := s.load(c.Inside); err != nil {
			return nil, err
		}
		m.seq, m.last = s.Seq, s.Now
	}
	return m, nil
}

// Step implements machine.Machine.
func (m *Machine) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		m.load(e)
	case machine.Ready:
		m.ready(in, e.Fresh, out)
	case machine.Ask:
		m.ask(in, e, out)
	case machine.Recv:
		if m.broken == "" && e.From == m.config.Self {
			m.save(in, out)
		}
	default: // hints, which change no state
		if m.broken == "" {
			m.pass(in, out)
		}
	}
}

func (m *Machine) ask(in machine.In, e machine.Ask, out *machine.Out) {
	switch cmd := e.Cmd.(type) {
	case TakeSnapshot:
		out.Answer(e.ID, m.snapshot())
	case Kept:
		out.Answer(e.ID, m.kept(cmd, out))
	default:
		switch {
		case m.broken != "":
			out.Answer(e.ID, m.config.Refuse(m.broken))
		case m.config.Changes(cmd):
			m.save(in, out)
		default:
			m.pass(in, out)
		}
	}
}

// save saves an input and has it stepped, in one step of this machine: the world sees to it
// that nothing of out is told before the record is durable. The record has the time as the
// machine inside sees it, so that stepping the record again is the same step.
//
//ds:todo p2.9
func (m *Machine) save(in machine.In, out *machine.Out) {
	in.Now = m.inner(in.Now)
	out.Save = append(out.Save, Record(in))
	m.seq++
	m.config.Inside.Step(in, out)
}

// pass has an input stepped that leaves nothing to be saved.
func (m *Machine) pass(in machine.In, out *machine.Out) {
	in.Now = m.inner(in.Now)
	m.config.Inside.Step(in, out)
}

// inner turns a reading of the world's clock into one of the clock inside.
func (m *Machine) inner(now machine.Time) machine.Time {
	m.last = now + m.shift
	return m.last
}

// load steps the machine inside through what it was told before the crash. Nobody is
// told its answers again (remember). Records that the snapshot rests on are skipped; from
// then on every number must follow the one before. The first that is missing, damaged or no
// Record breaks the machine for good: it says which, and steps through nothing any more.
//
//ds:todo p2.9
func (m *Machine) load(e machine.Load) {
	m.end = e.Seq
	switch r, ok := e.Record.(Record); {
	case m.broken != "" || e.Seq <= m.seq: // before the snapshot
	case e.Seq != m.seq+1:
		m.broken = fmt.Sprintf("record %d of the log is missing", m.seq+1)
	case e.Damaged || !ok:
		m.broken = fmt.Sprintf("record %d of the log is damaged", e.Seq)
	default:
		m.seq, m.last = e.Seq, r.Now
		m.out.Reset()
		m.config.Inside.Step(machine.In(r), &m.out)
		m.remember(r)
	}
}

// remember keeps what a step that is gone through again has left unanswered.
func (m *Machine) remember(r Record) {
	if a, ok := r.Event.(machine.Ask); ok {
		m.open = append(m.open, a.ID)
	}
	for _, a := range m.out.Reply {
		for i, id := range m.open {
			if id == a.ID {
				m.open = append(m.open[:i], m.open[i+1:]...)
				break
			}
		}
	}
}

// ready ends an earlier life, if there was one, and begins this one. The beginning of a
// life is saved: it is a step of the machine inside.
func (m *Machine) ready(in machine.In, fresh bool, out *machine.Out) {
	lived := m.seq > 0
	if lived {
		m.shift = m.last - in.Now
	}
	if s := m.config.From; s != nil && (fresh || 0 < m.end && m.end < s.Seq) {
		m.broken = fmt.Sprintf("the log ends before record %d, which the snapshot rests on", s.Seq)
	}
	if m.broken == "" {
		for _, id := range m.open { // its number may come again, and nobody waits for it
			m.pass(machine.In{Now: in.Now, Rand: in.Rand, Event: machine.Cancel{ID: id}}, out)
		}
		m.save(machine.In{Now: in.Now, Rand: in.Rand, Event: machine.Ready{Fresh: !lived}}, out)
	}
	m.replay = replay{}
}

// Changes is Config.Changes for a store: a write, or anything in a session, which every
// use renews.
func Changes(cmd machine.Data) bool {
	req, ok := cmd.(*kv.Request)
	return ok && req != nil && (req.Session != 0 || req.Op != nil && !kv.ReadOnly(req.Op))
}

// Refuse is Config.Refuse for a store.
func Refuse(reason string) machine.Data { return kv.Refuse(kv.Unavailable, "%s", reason) }
