package table

import (
	"iter"
	"slices"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table/agenda"
)

// Machine is a Table as a server that stands alone and keeps nothing: what is asked
// is applied at once, in order of arrival. It saves nothing and sends only to
// itself, so a world may let the caller's goroutine step it.
//
// A long poll that finds nothing is parked. It is answered by the first change that
// it waits for, or empty when its wait ends, or forgotten when it is cancelled. When
// Config.Parked of them wait, one more answers Overloaded.
type Machine struct {
	self   machine.Addr
	config Config
	table  *Table // nil before the first step
	pos    uint64 // of the last command applied
	parked []parked
	first  machine.Time // no parked poll ends before it
	alarm  agenda.Alarm
}

// parked is an Events that waits: all its session had to say is done.
type parked struct {
	ask  uint64
	op   kv.Events // with an After
	ends machine.Time
}

var _ machine.Machine = (*Machine)(nil)

// NewMachine returns an empty Machine at the given address.
//
// Without a Config.FirstID its sessions and leases are numbered from a random one:
// the numbers of an earlier life, which clients may still send, mean nothing to it.
func NewMachine(self machine.Addr, config Config) *Machine {
	return &Machine{self: self, config: config}
}

// Protocol tells a world how to run a Machine. Its configuration is an encoded
// Config; no bytes mean the defaults.
func Protocol() *machine.Protocol {
	return &machine.Protocol{
		Name: "table",
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c, err := DecodeConfig(config)
			if err != nil {
				return nil, err
			}
			return NewMachine(self, c), nil
		},
		Message: agenda.DecodeTick,
		Command: kv.DecodeRequest,
		Answer:  kv.DecodeResponse,
	}
}

// Offers tells what a Machine promises. (One copy of the state is more than
// Linearizable, but a stage must not promise what the next one could not keep.)
func Offers() kv.Caps {
	return kv.Caps{
		Stage: 1,
		Level: kv.Linearizable,
		Has: kv.CapAppend | kv.CapCompare | kv.CapRevisions | kv.CapWatch |
			kv.CapLeases | kv.CapSessions | kv.CapStat,
	}
}

// Step implements machine.Machine.
func (m *Machine) Step(in machine.In, out *machine.Out) {
	if m.table == nil {
		m.start(in.Rand)
	}
	switch e := in.Event.(type) {
	case machine.Ready: // what was under way in an earlier life is lost
		m.alarm = agenda.Alarm{}
		m.arm(in.Now, out)
	case machine.Ask:
		m.ask(in.Now, e, out)
	case machine.Cancel:
		m.parked = slices.DeleteFunc(m.parked, func(p parked) bool { return p.ask == e.ID })
	case machine.Recv:
		if tick, ok := e.Msg.(agenda.Tick); ok && e.From == m.self {
			m.alarm.Rang(tick)
			m.tick(in.Now, out)
		}
	}
}

// View returns the present state, as Table.View does, from the first step on.
func (m *Machine) View() app.View { return m.table.View() }

// Load lets m begin with the state of a View instead of an empty one. It comes before
// the first step. Errors are those of Table.Load.
func (m *Machine) Load(pairs iter.Seq2[string, []byte]) error {
	t := New(m.config)
	if err := t.Load(pairs); err != nil {
		return err
	}
	m.config, m.table = t.config, t
	return nil
}

// start makes the table. An ID of 52 random bits survives viewers that read numbers
// as floats, and leaves room to count.
func (m *Machine) start(random uint64) {
	if m.config.FirstID == 0 {
		m.config.FirstID = random>>12 | 1
	}
	m.config = m.config.withDefaults()
	m.table = New(m.config)
}

func (m *Machine) ask(now machine.Time, e machine.Ask, out *machine.Out) {
	req, ok := e.Cmd.(*kv.Request)
	switch {
	case !ok || req == nil:
		out.Answer(e.ID, kv.Refuse(kv.Invalid, "command of type %T: want a request", e.Cmd))
		return
	case req.Level > Offers().Level && req.Level <= kv.StrictSerializable:
		out.Answer(e.ID, kv.Refuse(kv.Unsupported, "level %s: at most %s", req.Level, Offers().Level))
		return
	}
	resp := m.apply(now, req, out)
	if list, ok := resp.Result.(kv.EventList); ok && len(list.List) == 0 && req.Wait > 0 {
		m.park(now, e.ID, req, list.Next, out)
		return
	}
	out.Answer(e.ID, resp)
	switch req.Op.(type) {
	case kv.Grant, kv.OpenSession: // all else can only put an expiry off
		m.arm(now, out)
	}
}

// apply executes one command and answers the long polls that it wakes.
func (m *Machine) apply(now machine.Time, req *kv.Request, out *machine.Out) *kv.Response {
	m.pos++
	before := m.table.rev
	resp := m.table.Do(now, req)
	if len(m.parked) > 0 && m.table.rev != before {
		m.wake(now, before, out)
	}
	return resp
}

// wake answers the long polls that ask for one of the changes since revision rev, and those
// whose place the history has forgotten. The others have missed nothing up to now, so they
// go on from the present: they do not fall behind the history while they wait.
//
//ds:todo p1.7
func (m *Machine) wake(now machine.Time, rev uint64, out *machine.Out) {
	changes := m.table.since(rev)
	kept := m.parked[:0]
	for _, p := range m.parked {
		if p.op.After.Lo < m.table.oldest || anyWanted(changes, &p.op) {
			m.answer(now, p, out)
			continue
		}
		p.op.After.Lo = m.table.rev
		kept = append(kept, p)
	}
	clear(m.parked[len(kept):])
	m.parked = kept
}

func anyWanted(changes []event, op *kv.Events) bool {
	for i := range changes {
		if changes[i].wanted(op) {
			return true
		}
	}
	return false
}

// answer ends a long poll with what there is for it, if only the place to go on
// from.
func (m *Machine) answer(now machine.Time, p parked, out *machine.Out) {
	out.Answer(p.ask, m.table.Read(now, &kv.Request{Op: p.op}))
}

func (m *Machine) park(now machine.Time, ask uint64, req *kv.Request, after kv.Version, out *machine.Out) {
	if len(m.parked) >= m.config.Parked {
		out.Answer(ask, kv.Refuse(kv.Overloaded, "%d long polls wait: at most %d", len(m.parked), m.config.Parked))
		return
	}
	p := parked{ask: ask, op: req.Op.(kv.Events), ends: later(now, machine.Time(req.Wait))}
	p.op.After = after
	if len(m.parked) == 0 || p.ends < m.first {
		m.first = p.ends
	}
	m.parked = append(m.parked, p)
	m.arm(now, out)
}

// tick does what time has brought: expiries, then the ends of waits.
func (m *Machine) tick(now machine.Time, out *machine.Out) {
	if at, ok := m.table.NextExpiry(); ok && at <= now {
		m.apply(now, &kv.Request{Op: kv.Expire{}}, out)
	}
	if len(m.parked) > 0 && m.first <= now {
		m.endWaits(now, out)
	}
	m.arm(now, out)
}

// endWaits answers the long polls whose wait has ended by now, and finds out when the next
// one ends (first).
//
//ds:todo p1.7
func (m *Machine) endWaits(now machine.Time, out *machine.Out) {
	m.first = later(now, machine.Time(kv.MaxWait))
	m.parked = slices.DeleteFunc(m.parked, func(p parked) bool {
		if p.ends <= now {
			m.answer(now, p, out)
			return true
		}
		m.first = min(m.first, p.ends)
		return false
	})
}

// arm sees to a tick for whatever time will bring first.
func (m *Machine) arm(now machine.Time, out *machine.Out) {
	if len(m.parked) > 0 {
		m.alarm.Arm(m.self, now, m.first, out)
	}
	if at, ok := m.table.dues.Next(); ok { // not later than the next expiry
		m.alarm.Arm(m.self, now, at, out)
	}
}
