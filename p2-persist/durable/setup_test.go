package durable_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
)

// diary is a machine that keeps nothing: notes that vanish after a time, and a number
// that it draws when it is born.
//
//	note KEY MS    writes a note          list      answers with all, and how many there ever were
//	wait           is answered by the next change
type diary struct {
	self    machine.Addr
	number  uint64
	written int
	notes   map[string]machine.Time // when they vanish
	waiting []uint64
}

var self = machine.Addr{Node: 1, Role: "diary"}

// line is all data of a diary.
type line string

func (l line) AppendTo(b []byte) []byte { return append(b, l...) }

func word(text string) machine.Data { return line(text) }

func text(d machine.Data) string { return string(d.AppendTo(nil)) }

func (d *diary) Step(in machine.In, out *machine.Out) {
	if d.number == 0 {
		d.number = in.Rand
	}
	switch e := in.Event.(type) {
	case machine.Ask:
		d.ask(in.Now, e.ID, strings.Fields(text(e.Cmd)), out)
	case machine.Recv:
		for _, k := range d.keys() {
			if d.notes[k] <= in.Now {
				delete(d.notes, k)
				d.changed(out)
			}
		}
	case machine.Cancel:
		d.waiting = slices.DeleteFunc(d.waiting, func(id uint64) bool { return id == e.ID })
	case machine.Ready:
		for _, k := range d.keys() {
			out.Timer(d.self, max(d.notes[k]-in.Now, 0), word(k))
		}
	}
}

func (d *diary) ask(now machine.Time, id uint64, words []string, out *machine.Out) {
	switch words[0] {
	case "note":
		ms, _ := strconv.Atoi(words[2])
		after := machine.Time(ms) * machine.Millisecond
		d.notes[words[1]] = now + after
		d.written++
		out.Timer(d.self, after, word(words[1]))
		d.changed(out)
		out.Answer(id, word("noted"))
	case "wait":
		d.waiting = append(d.waiting, id)
	default:
		out.Answer(id, word(fmt.Sprint(d.number, d.written, d.keys())))
	}
}

func (d *diary) changed(out *machine.Out) {
	for _, id := range d.waiting {
		out.Answer(id, word("changed"))
	}
	d.waiting = nil
}

func (d *diary) keys() []string {
	var all []string
	for k := range d.notes {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// page is a View of a diary.
type page struct {
	keys   []string
	values [][]byte
}

func (d *diary) View() app.View {
	p := page{[]string{"#", "$"}, [][]byte{fmt.Append(nil, d.number), fmt.Append(nil, d.written)}}
	for _, k := range d.keys() {
		p.keys, p.values = append(p.keys, k), append(p.values, fmt.Append(nil, int64(d.notes[k])))
	}
	return p
}

func (p page) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i, k := range p.keys {
			if k >= from && !yield(k, p.values[i]) {
				return
			}
		}
	}
}

var errTorn = errors.New("a page is torn")

func (d *diary) Load(pairs iter.Seq2[string, []byte]) error {
	for k, v := range pairs {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return errTorn
		}
		switch k {
		case "#":
			d.number = uint64(n)
		case "$":
			d.written = int(n)
		default:
			d.notes[k] = machine.Time(n)
		}
	}
	return nil
}

// inside is the protocol of a diary.
func inside() *machine.Protocol {
	read := func(b []byte) (machine.Data, error) { return word(string(b)), nil }
	return &machine.Protocol{Name: "diary", Message: read, Command: read, Answer: read}
}

// computer runs a diary that is durable. Each life begins at another reading of the
// clock.
type computer struct {
	t       *testing.T
	m       *durable.Machine
	inside  *diary
	from    *durable.Snapshot
	now     machine.Time
	first   uint64   // number of log[0]
	log     [][]byte // encoded
	damaged map[uint64]bool
	timers  []timer
	asks    uint64
	answers map[uint64]string
	random  uint64
	states  map[uint64][32]byte // after each record, the hash of what it made
}

type timer struct {
	at  machine.Time
	msg machine.Data
}

func switchOn(t *testing.T) *computer {
	c := &computer{t: t, first: 1, damaged: map[uint64]bool{}, random: 40, states: map[uint64][32]byte{}}
	c.boot()
	return c
}

func (c *computer) config() durable.Config {
	c.inside = &diary{self: self, notes: map[string]machine.Time{}}
	return durable.Config{
		Self: self, Inside: c.inside, From: c.from,
		Changes: func(cmd machine.Data) bool { return strings.HasPrefix(text(cmd), "note") || text(cmd) == "wait !" },
		Refuse:  func(reason string) machine.Data { return word("refused: " + reason) },
	}
}

// boot begins a life.
func (c *computer) boot() {
	m, err := durable.New(c.config())
	require.NoError(c.t, err)
	c.m, c.timers, c.answers, c.asks, c.now = m, nil, map[uint64]string{}, 0, c.now/2+machine.Second
	p := durable.Protocol(inside(), nil)
	for i, b := range c.log {
		seq := c.first + uint64(i)
		load := machine.Load{Seq: seq, Damaged: c.damaged[seq]}
		if !load.Damaged {
			r, err := p.Record(b)
			require.NoError(c.t, err)
			require.Equal(c.t, b, r.AppendTo(nil))
			load.Record = r
		}
		c.step(load)
	}
	c.step(machine.Ready{Fresh: len(c.log) == 0 && c.first == 1})
}

// crash ends a life: the last records are lost.
func (c *computer) crash(lost int) {
	c.log = c.log[:len(c.log)-lost]
	c.boot()
}

// last is the number of the last record.
func (c *computer) last() uint64 { return c.first + uint64(len(c.log)) - 1 }

func (c *computer) step(e machine.Event) {
	var out machine.Out
	c.random++
	c.m.Step(machine.In{Now: c.now, Rand: c.random, Event: e}, &out)
	for _, r := range out.Save {
		c.log = append(c.log, r.AppendTo(nil))
		c.states[c.last()] = app.Hash(c.inside.View())
	}
	for _, s := range out.Send {
		require.Equal(c.t, self, s.To)
		require.GreaterOrEqual(c.t, s.After, machine.Time(0))
		c.timers = append(c.timers, timer{c.now + s.After, s.Msg})
	}
	for _, a := range out.Reply {
		require.NotContains(c.t, c.answers, a.ID, "answered twice")
		require.LessOrEqual(c.t, a.ID, c.asks, "nobody has asked this in this life")
		c.answers[a.ID] = text(a.Data)
	}
	if out.Trim > c.first {
		c.log, c.first = c.log[out.Trim-c.first:], out.Trim
	}
}

// send asks and returns the number of the Ask.
func (c *computer) send(cmd machine.Data) uint64 {
	c.asks++
	c.step(machine.Ask{ID: c.asks, Cmd: cmd})
	return c.asks
}

// ask asks what is answered at once.
func (c *computer) ask(cmd string) string {
	id := c.send(word(cmd))
	require.Contains(c.t, c.answers, id)
	return c.answers[id]
}

// sleep lets time pass.
func (c *computer) sleep(ms int) {
	end := c.now + machine.Time(ms)*machine.Millisecond
	for {
		i, next := -1, end+1
		for k, t := range c.timers {
			if t.at < next {
				i, next = k, t.at
			}
		}
		if i < 0 {
			break
		}
		msg := c.timers[i].msg
		c.timers = slices.Delete(c.timers, i, i+1)
		c.now = max(c.now, next)
		c.step(machine.Recv{From: self, Msg: msg})
	}
	c.now = end
}

// taken takes a snapshot.
func (c *computer) taken() durable.Taken {
	var out machine.Out
	c.asks++
	c.m.Step(machine.In{Now: c.now, Event: machine.Ask{ID: c.asks, Cmd: durable.TakeSnapshot{}}}, &out)
	require.Len(c.t, out.Reply, 1)
	require.Empty(c.t, out.Save)
	require.Zero(c.t, out.Trim, "nobody has kept it yet")
	return out.Reply[0].Data.(durable.Taken)
}
