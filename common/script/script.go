// Package script runs golden scripts: a few lines that drive a simulated world by
// hand, and what must come of them. The same file is a test, a demo in a lecture
// and a case of the grader.
//
// A script is a sequence of blocks. A block is directives, a line "----", and the
// output that they must give, up to an empty line:
//
//	# a lost answer is asked for again
//	ask 11/session put x 1
//	run
//	----
//	11/session asked 1: put x=1
//	  #1 -> 1/table call 1: open-session 1m0s
//	…
//
// Lines that start with "#" are for people. The directives:
//
//	ask ADDR COMMAND…     ask the machine at an address
//	deliver WHAT          let envelopes arrive: #ID, all, FROM->TO, or to ADDR
//	duplicate WHAT        the same, and leave a copy on its way
//	drop WHAT             lose envelopes
//	run                   deliver everything, and what that sends, until nothing is
//	                      on its way but timers
//	pending               list what is on its way
//	advance DURATION      let time pass; timers go off
//	crash N · restart N [wipe]
//	cut N… · heal         part nodes from the rest
//	stall N · sync N      keep a disk from finishing; let it
//
// Output shows what went into machines and what came out (messages, saved records,
// answers), never a machine's fields and never prose that may change.
package script

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/trace"
)

// World is what a script drives.
type World struct {
	Config *sim.Config

	// Command reads the words of an ask for an address of the given role.
	Command func(role string, words []string) (machine.Data, error)
}

// ErrScript is what a script's own mistakes wrap: an unknown directive, an address
// that is not there.
var ErrScript = errors.New("script")

// maxRun bounds the deliveries of one "run" directive.
const maxRun = 1000

// Run runs a script and returns it with the outputs that it gave in the places of
// those that it expects: equal texts mean that all is as it should be. Records of
// the run go to sink, which may be nil.
func Run(text string, world World, sink func(trace.Record)) (string, error) {
	p := &player{world: world, hand: sim.NewHand(world.Config)}
	defer p.hand.Close()
	p.hand.World().Trace(func(r trace.Record) {
		p.record(r)
		if sink != nil {
			sink(r)
		}
	})
	p.hand.Start()
	p.out.Reset() // how nodes start is the same in every script

	var b strings.Builder
	for _, block := range split(text) {
		if err := p.block(&b, block); err != nil {
			return b.String(), err
		}
	}
	return b.String(), nil
}

// block is directives and comments, and whether output was expected.
type block struct {
	line  int
	lines []string
}

// split takes a script apart into blocks, expected outputs left out.
func split(text string) (blocks []block) {
	var current block
	inOutput := false
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case line == "----":
			inOutput = true
		case strings.TrimSpace(line) == "":
			if len(current.lines) > 0 {
				blocks = append(blocks, current)
			}
			current, inOutput = block{}, false
		case !inOutput:
			if len(current.lines) == 0 {
				current.line = i + 1
			}
			current.lines = append(current.lines, line)
		}
	}
	if len(current.lines) > 0 {
		blocks = append(blocks, current)
	}
	return blocks
}

type player struct {
	world World
	hand  *sim.Hand
	out   strings.Builder
}

// block runs one block and writes it with its output.
func (p *player) block(b *strings.Builder, bl block) error {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	p.out.Reset()
	directives := false
	for i, line := range bl.lines {
		b.WriteString(line + "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		directives = true
		if err := p.directive(strings.Fields(line)); err != nil {
			return fmt.Errorf("%w: line %d: %s: %w", ErrScript, bl.line+i, line, err)
		}
	}
	if directives {
		b.WriteString("----\n" + p.out.String())
	}
	return nil
}

func (p *player) directive(words []string) error {
	name, args := words[0], words[1:]
	switch name {
	case "ask":
		return p.ask(args)
	case "deliver", "duplicate", "drop":
		return p.letters(name, strings.Join(args, " "))
	case "run":
		return p.run()
	case "pending":
		p.pending()
		return nil
	case "advance":
		d, err := time.ParseDuration(strings.Join(args, ""))
		if err == nil {
			p.hand.Advance(machine.Time(d))
		}
		return err
	case "heal":
		p.hand.Heal()
		return nil
	}
	return p.nodes(name, args)
}

// nodes runs the directives that name nodes.
func (p *player) nodes(name string, args []string) error {
	wipe := name == "restart" && len(args) == 2 && args[1] == "wipe"
	if wipe {
		args = args[:1]
	}
	var ids []machine.Node
	for _, a := range args {
		n, err := strconv.ParseUint(a, 10, 64)
		if err != nil {
			return fmt.Errorf("node %q: want a number", a)
		}
		ids = append(ids, machine.Node(n))
	}
	if len(ids) == 0 || len(ids) > 1 && name != "cut" {
		return fmt.Errorf("want a directive of the list in the package's documentation, and a node where one is due")
	}
	switch name {
	case "crash":
		return p.hand.Crash(ids[0])
	case "restart":
		return p.hand.Restart(ids[0], wipe)
	case "cut":
		return p.hand.Cut(ids)
	case "stall", "sync":
		p.hand.Stall(ids[0], name == "stall")
		return nil
	}
	return fmt.Errorf("unknown directive %q", name)
}

func (p *player) ask(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("want ask NODE/ROLE COMMAND")
	}
	at, err := parseAddr(args[0])
	if err != nil {
		return err
	}
	cmd, err := p.world.Command(at.Role, args[1:])
	if err != nil {
		return err
	}
	_, err = p.hand.Ask(at, cmd)
	return err
}

func parseAddr(s string) (machine.Addr, error) {
	node, role, ok := strings.Cut(s, "/")
	n, err := strconv.ParseUint(node, 10, 64)
	if !ok || err != nil {
		return machine.Addr{}, fmt.Errorf("address %q: want NODE/ROLE", s)
	}
	return machine.Addr{Node: machine.Node(n), Role: role}, nil
}

// letters does something to the envelopes that a word selects.
func (p *player) letters(what, which string) error {
	ids := p.selected(which)
	if len(ids) == 0 {
		return fmt.Errorf("nothing on its way is %q: want #ID, all, FROM->TO or to ADDR", which)
	}
	for _, id := range ids {
		var err error
		if what == "drop" {
			err = p.hand.Drop(id)
		} else {
			err = p.hand.Deliver(id, what == "duplicate")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// selected returns the envelopes that a word names; timers only by their number.
func (p *player) selected(which string) (ids []uint64) {
	for _, l := range p.hand.Letters() {
		switch from, to := trace.Name(l.From), trace.Name(l.To); {
		case which == fmt.Sprintf("#%d", l.ID),
			!l.Timer && (which == "all" || which == "to "+to || which == from+"->"+to):
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func (p *player) run() error {
	for range maxRun {
		ids := p.selected("all")
		if len(ids) == 0 {
			return nil
		}
		if err := p.hand.Deliver(ids[0], false); err != nil {
			return err
		}
	}
	return fmt.Errorf("still going after %d deliveries", maxRun)
}

func (p *player) pending() {
	letters := p.hand.Letters()
	if len(letters) == 0 {
		fmt.Fprintln(&p.out, "nothing")
	}
	for _, l := range letters {
		if l.Timer {
			fmt.Fprintf(&p.out, "#%d timer of %s at %v: %s\n", l.ID, trace.Name(l.To), time.Duration(l.Due), l.Text)
		} else {
			fmt.Fprintf(&p.out, "#%d %s -> %s: %s\n", l.ID, trace.Name(l.From), trace.Name(l.To), l.Text)
		}
	}
}

// record prints what a step or fault was.
func (p *player) record(r trace.Record) {
	w, name := &p.out, trace.Name(r.Addr)
	switch r.Kind {
	case trace.Ask:
		fmt.Fprintf(w, "%s asked %d: %s\n", name, r.ID, r.Data)
	case trace.Recv:
		fmt.Fprintf(w, "%s got #%d from %s: %s\n", name, r.Msg, trace.Name(r.From), r.Data)
	case trace.Timer:
		fmt.Fprintf(w, "%s timer #%d: %s\n", name, r.Msg, r.Data)
	case trace.Drop:
		fmt.Fprintf(w, "lost #%d %s -> %s: %s\n", r.Msg, trace.Name(r.From), name, r.Data)
	case trace.Cut, trace.Heal:
		fmt.Fprintf(w, "%s %s -> %s\n", r.Kind, trace.Name(r.From), name)
	case trace.Violate:
		fmt.Fprintf(w, "VIOLATED %s\n", r.Data)
	default:
		fmt.Fprintf(w, "%s %s %s\n", name, r.Kind, r.Data)
	}
	for _, s := range r.Saved {
		fmt.Fprintf(w, "  saved %s\n", s)
	}
	for _, s := range r.Sent {
		if s.To == r.Addr {
			fmt.Fprintf(w, "  #%d timer in %v: %s\n", s.ID, time.Duration(s.After), s.Data)
		} else {
			fmt.Fprintf(w, "  #%d -> %s: %s\n", s.ID, trace.Name(s.To), s.Data)
		}
	}
	for _, a := range r.Replied {
		fmt.Fprintf(w, "  answered %d: %s\n", a.ID, a.Data)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  note %s %s\n", n.Name, n.Text)
	}
	if r.Trim > 0 {
		fmt.Fprintf(w, "  trimmed to %d\n", r.Trim)
	}
}
