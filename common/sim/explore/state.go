package explore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/trace"
)

// state is one local state of one place. Slices are never changed once a state
// has them: states share them.
type state struct {
	place int

	// The history that first led here: one more input after another state, or a
	// start from a disk.
	parent int32 // -1 for a start
	input  input
	boot   disk

	dump   string // of the machine
	disk   disk
	saved  []uint32 // every record that ever became durable, sorted
	inbox  []uint32 // envelopes to oneself that will arrive, in order
	timers []timer  // by due time
	calls  []call   // deliveries of calls to this incarnation, by message
	clock  machine.Time

	live      Live // a machine in this state, or nil
	delivered []*transition
	others    map[input]*transition
}

// disk is the log of one place: the records from number first on.
type disk struct {
	first   uint64
	records []uint32
}

func (d disk) next() uint64 { return d.first + uint64(len(d.records)) }

// trim lets go of the records before seq.
func (d disk) trim(seq uint64) disk {
	if seq <= d.first {
		return d
	}
	return disk{seq, d.records[seq-d.first:]}
}

type timer struct {
	due machine.Time
	msg uint32
}

type call struct {
	msg   uint32
	times int
}

// input is what a state may meet. It is comparable: with the state it names a
// transition.
type input struct {
	kind kind
	torn bool   // a crash interrupts the step,
	keep uint16 // after this many of its records
	arg  uint32 // message or ask
}

type kind uint8

const (
	deliver kind = iota // message arg arrives
	ask                 // Config.Asks[arg] is asked
	inbox               // the next envelope to oneself arrives
	expire              // the earliest timer fires
	crash               // of the whole node, then its restart
	inject              // the environment's act number arg; no machine steps
)

// transition is what an input does to a state.
type transition struct {
	to    uint32   // the state after it
	add   []uint32 // to the set
	tears []uint16 // how many records a crash in this step may leave, where that differs from no step at all
	idle  bool     // nothing changes
	err   error    // the contract is broken
}

// effect is an Out in the search's own numbers.
type effect struct {
	saves []uint32
	sends []uint32 // messages and answers
	early []uint32 // those of them that wait for no save
	inbox []uint32
	timer []timer
	trim  uint64
}

// Asks by a machine.Call have an ID from here on: the message's number and how
// often it had arrived.
const callBase = 1 << 40

func callID(msg uint32, times int) uint64 { return callBase + uint64(msg)<<8 + uint64(times) }

var errUnasked = errors.New("answers what was not asked")

// effect translates the Out of a step of place.
func (s *search) effect(place int, now machine.Time, out *machine.Out) (e effect, err error) {
	self := s.places[place].Addr
	for _, f := range out.Note {
		if f.Name == "violated" {
			return e, fmt.Errorf("%s notes that it is violated: %s", trace.Name(self), f.Text)
		}
	}
	for _, data := range out.Save {
		id, err := s.record(place, data)
		if err != nil {
			return e, err
		}
		e.saves = append(e.saves, id)
	}
	for _, env := range out.Send {
		if err := s.envelope(&e, self, now, env); err != nil {
			return e, err
		}
	}
	for _, a := range out.Reply {
		id, err := s.reply(place, a)
		if err != nil {
			return e, err
		}
		e.add(id, a.Early)
	}
	e.trim = out.Trim
	return e, nil
}

func (e *effect) add(id uint32, early bool) {
	e.sends = append(e.sends, id)
	if early {
		e.early = append(e.early, id)
	}
}

func (s *search) envelope(e *effect, self machine.Addr, now machine.Time, env machine.Envelope) error {
	id, err := s.message(self, env.To, env.Msg)
	switch {
	case err != nil:
		return err
	case env.To != self && env.After != 0:
		return fmt.Errorf("%s sends %s an envelope with After, which only one to oneself may have", trace.Name(self), trace.Name(env.To))
	case env.To != self:
		e.add(id, env.Early)
	case env.After <= 0:
		e.inbox = append(e.inbox, id)
	case s.cfg.Timers > 0:
		e.timer = append(e.timer, timer{now + env.After, id})
	}
	return nil
}

// reply translates an answer: to one of Config.Asks, or to a call.
func (s *search) reply(place int, a machine.Answer) (uint32, error) {
	self := s.places[place].Addr
	if a.ID < callBase {
		i := int(a.ID) - 1
		if i < 0 || i >= len(s.cfg.Asks) || s.cfg.Asks[i].To != self {
			return 0, fmt.Errorf("%s %w: %d", trace.Name(self), errUnasked, a.ID)
		}
		return s.answer(place, i, a.Data)
	}
	n := (a.ID - callBase) >> 8
	if n >= uint64(len(s.all)) {
		return 0, fmt.Errorf("%s %w: %d", trace.Name(self), errUnasked, a.ID)
	}
	m := &s.all[n]
	c, ok := m.data.(machine.Call)
	if !ok || m.to != self {
		return 0, fmt.Errorf("%s %w: %d", trace.Name(self), errUnasked, a.ID)
	}
	return s.message(self, m.from, machine.Return{ID: c.ID, Data: a.Data})
}

// after returns the state that effect e makes of st, with the machine's new dump
// still to be set.
func (st *state) after(e *effect) (next state, err error) {
	next = state{
		place: st.place, parent: -1, disk: st.disk, saved: merge(st.saved, e.saves),
		inbox: concat(st.inbox, e.inbox), timers: st.timers, calls: st.calls, clock: st.clock,
	}
	next.disk.records = concat(st.disk.records, e.saves)
	if e.trim > next.disk.next() {
		return next, fmt.Errorf("trims to %d, beyond its log, which ends before %d", e.trim, next.disk.next())
	}
	next.disk = next.disk.trim(e.trim)
	if len(e.timer) > 0 {
		next.timers = concat(st.timers, e.timer)
		slices.SortStableFunc(next.timers, func(x, y timer) int { return int(min(max(x.due-y.due, -1), 1)) })
	}
	return next, nil
}

func concat[T any](x, y []T) []T {
	if len(y) == 0 {
		return x
	}
	return append(slices.Clip(x), y...)
}

// merge adds numbers to a sorted list of distinct ones.
func merge(x, y []uint32) []uint32 {
	for _, n := range y {
		if i, found := slices.BinarySearch(x, n); !found {
			x = slices.Insert(slices.Clone(x), i, n)
		}
	}
	return x
}

// identity appends what tells st from every other state. The disk counts by what
// a machine makes of it, and only if a crash can show it: a log that grows by
// repetition is not a new state for ever.
func (s *search) identity(b []byte, st *state) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(st.place))
	b = append(binary.AppendUvarint(b, uint64(len(st.dump))), st.dump...)
	if s.cfg.Crashes > 0 {
		shown, err := s.recovered(st.place, st.disk)
		if err != nil {
			return b, err
		}
		b = binary.AppendUvarint(b, uint64(shown))
	}
	b = appendNumbers(appendNumbers(b, st.saved), st.inbox)
	b = binary.AppendUvarint(b, uint64(len(st.timers)))
	for _, t := range st.timers {
		b = binary.AppendUvarint(binary.AppendVarint(b, int64(t.due)), uint64(t.msg))
	}
	b = binary.AppendUvarint(b, uint64(len(st.calls)))
	for _, c := range st.calls {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(c.msg)), uint64(c.times))
	}
	return binary.AppendVarint(b, int64(st.clock)), nil
}

func appendNumbers(b []byte, list []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, n := range list {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}
