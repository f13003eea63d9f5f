package explore

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/trace"
)

// search is one search in progress. World 0 is the first; worlds up to done are
// finished, the rest wait in the order of finding.
type search struct {
	cfg     Config
	places  []Place
	placeOf map[machine.Addr]int
	nodes   [][]int // the places of each mortal node

	all      []member
	memberOf map[memberKey]uint32
	records  []record
	recordOf map[string]uint32
	sets     []string
	setOf    map[string]uint32
	locals   []*state // number 0 stands for a place where nobody lives
	localOf  map[string]uint32
	shown    map[string]uint32 // states after loading, by dump
	shownBy  map[string]uint32 // and by disk

	width int
	rows  []uint32
	table []uint32 // hash table over rows: number of the world plus 1
	count int
	how   []origin

	lives   int
	steps   int
	stopped bool
	broken  *broken
	row     []uint32
	key     []byte
	bits    []byte
}

// origin is how a world was reached first.
type origin struct {
	parent uint32
	act    action
}

// action is one step of the world: an input of the machine at a place. A crash
// takes the whole node of the place.
type action struct {
	place int32
	in    input
}

// broken is a violation before it is told: the actions that lead to a world, and
// then one more if the world itself is not to blame.
type broken struct {
	err   error
	world uint32
	act   *action
}

// Search visits every world. Its error is about the Config; what the search shows
// is told by Result.Err.
func Search(cfg Config) (Result, error) {
	s, err := newSearch(cfg)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	s.first()
	depth := s.loop()
	r := Result{
		Worlds: s.count, Locals: len(s.locals) - 1, Messages: len(s.all), Steps: s.steps, Depth: depth,
		Exhausted: !s.stopped && s.broken == nil,
	}
	if s.broken != nil {
		r.Violation = s.tell()
		r.Depth = len(r.Violation.Path)
	}
	return r, nil
}

func (s *search) close() {
	for _, st := range s.locals {
		if st.live != nil {
			stop(st.live)
		}
	}
}

// The words of a row after the places'.
func (s *search) setWord() int  { return len(s.places) }
func (s *search) askWord() int  { return len(s.places) + 1 }
func (s *search) usedWord() int { return len(s.places) + 2 }

const (
	oneTimer = 1 // in the used word
	oneCrash = 1 << 16
)

// first makes the world in which every machine has just started.
func (s *search) first() {
	row := make([]uint32, s.width)
	row[s.setWord()] = s.internSet(nil)
	for i, p := range s.places {
		if p.New == nil {
			continue
		}
		t := s.restart(i, disk{first: 1}, nil, nil)
		if t.err != nil {
			s.broken = &broken{err: t.err}
			return
		}
		row[i] = t.to
		if err := s.add(row, t.add); err != nil {
			s.broken = &broken{err: err}
			return
		}
	}
	s.visit(row, origin{})
}

// loop visits worlds in the order of finding, which is by depth, and returns the
// depth of the last one found.
func (s *search) loop() (depth int) {
	levelEnd := s.count
	for id := 0; id < s.count && !s.halted(); id++ {
		if id == levelEnd {
			depth, levelEnd = depth+1, s.count
		}
		if s.cfg.MaxDepth > 0 && depth >= s.cfg.MaxDepth {
			s.stopped = true
			break
		}
		s.successors(uint32(id))
		if (id+1)%ProgressEvery == 0 && s.cfg.Progress != nil {
			s.stopped = s.stopped || !s.cfg.Progress(Progress{Worlds: s.count, Done: id + 1, Depth: depth})
		}
	}
	if levelEnd < s.count {
		depth++
	}
	return depth
}

func (s *search) halted() bool { return s.stopped || s.broken != nil }

// visit files a world and judges it if it is new.
func (s *search) visit(row []uint32, from origin) {
	id, fresh := s.intern(row)
	if !fresh {
		return
	}
	s.how = append(s.how, from)
	if s.cfg.Invariant != nil {
		if err := s.cfg.Invariant(World{s, id}); err != nil {
			s.broken = &broken{err: err, world: id}
		}
	}
	s.stopped = s.stopped || s.count >= s.cfg.MaxWorlds
}

// successors tries every action in a world.
func (s *search) successors(id uint32) {
	s.deliveries(id)
	s.questions(id)
	s.selves(id)
	if s.crashLeft(id) {
		for _, node := range s.nodes {
			s.crash(id, action{int32(node[0]), input{kind: crash}})
		}
	}
	s.injections(id)
}

func (s *search) crashLeft(id uint32) bool {
	return int(s.world(id)[s.usedWord()]/oneCrash) < s.cfg.Crashes
}

func (s *search) deliveries(id uint32) {
	set := s.sets[s.world(id)[s.setWord()]]
	for m := range elements(set) {
		if place := s.all[m].place; place >= 0 {
			s.act(id, action{int32(place), input{kind: deliver, arg: m}})
		}
	}
}

func (s *search) questions(id uint32) {
	for i, a := range s.cfg.Asks {
		if s.world(id)[s.askWord()]>>i&1 == 0 {
			s.act(id, action{int32(s.placeOf[a.To]), input{kind: ask, arg: uint32(i)}})
		}
	}
}

func (s *search) selves(id uint32) {
	timers := int(s.world(id)[s.usedWord()]%oneCrash) < s.cfg.Timers
	for i := range s.places {
		st := s.locals[s.world(id)[i]]
		if len(st.inbox) > 0 {
			s.act(id, action{int32(i), input{kind: inbox}})
		}
		if timers && len(st.timers) > 0 {
			s.act(id, action{int32(i), input{kind: expire}})
		}
	}
}

// act takes one step of one machine, whole and interrupted by a crash.
func (s *search) act(id uint32, a action) {
	if s.halted() {
		return
	}
	t := s.transit(s.world(id)[a.place], a.in)
	switch {
	case t.err != nil:
		s.broken = &broken{t.err, id, &a}
		return
	case t.idle && a.in.kind != ask:
		return
	}
	row := s.spend(id, a.in)
	row[a.place] = t.to
	if err := s.add(row, t.add); err != nil {
		s.broken = &broken{err, id, &a}
		return
	}
	s.visit(row, origin{id, a})
	if len(t.tears) == 0 || !s.crashLeft(id) || !s.isMortal(int(a.place)) {
		return
	}
	for _, keep := range t.tears {
		torn := a
		torn.in.torn, torn.in.keep = true, keep
		s.crash(id, torn)
	}
}

// add puts messages and answers into a row's set. Only what was asked may be
// answered, and only once.
func (s *search) add(row, more []uint32) error {
	for _, m := range more {
		a := &s.all[m]
		if a.ask < 0 {
			continue
		}
		if row[s.askWord()]>>a.ask&1 == 0 {
			return fmt.Errorf("%s %w: %d", trace.Name(a.from), errUnasked, a.ask+1)
		}
		for old := range s.members(row[s.setWord()]) {
			if old.ask == a.ask && old != a {
				return fmt.Errorf("%s answers %d twice: %s and %s", trace.Name(a.from), a.ask+1, text(old.data), text(a.data))
			}
		}
		row[s.setWord()] = s.union(row[s.setWord()], []uint32{m})
	}
	row[s.setWord()] = s.union(row[s.setWord()], more)
	return nil
}

// spend returns a copy of a world's row, with what the input uses up taken.
func (s *search) spend(id uint32, in input) []uint32 {
	row := s.row
	copy(row, s.world(id))
	switch {
	case in.kind == ask:
		row[s.askWord()] |= 1 << in.arg
	case in.kind == expire:
		row[s.usedWord()] += oneTimer
	}
	return row
}

func (s *search) isMortal(place int) bool { return s.nodeOf(place) != nil }

// nodeOf returns the places that crash with a place.
func (s *search) nodeOf(place int) []int {
	for _, node := range s.nodes {
		if slices.Contains(node, place) {
			return node
		}
	}
	return nil
}

// crash takes down a node, between steps or in the middle of one, and starts it
// again.
func (s *search) crash(id uint32, a action) {
	if s.halted() {
		return
	}
	row := s.spend(id, a.in)
	row[s.usedWord()] += oneCrash
	for _, place := range s.nodeOf(int(a.place)) {
		in := input{kind: crash}
		if place == int(a.place) {
			in = a.in
		}
		t := s.transit(row[place], in)
		err := t.err
		if err == nil {
			err = s.add(row, t.add)
		}
		if err != nil {
			s.broken = &broken{err, id, &a}
			return
		}
		row[place] = t.to
	}
	s.visit(row, origin{id, a})
}

func (s *search) injections(id uint32) {
	if s.cfg.Inject == nil || s.halted() {
		return
	}
	for i, act := range s.cfg.Inject(World{s, id}) {
		a := action{-1, input{kind: inject, arg: uint32(i)}}
		sent, err := s.injected(act)
		if err != nil {
			s.broken = &broken{err, id, &a}
			return
		}
		row := s.spend(id, a.in)
		if set := s.union(row[s.setWord()], sent); set != row[s.setWord()] {
			row[s.setWord()] = set
			s.visit(row, origin{id, a})
		}
	}
}

func (s *search) injected(act Act) ([]uint32, error) {
	var sent []uint32
	for _, env := range act.Send {
		m, err := s.message(act.From, env.To, env.Msg)
		if err != nil {
			return nil, err
		}
		sent = append(sent, m)
	}
	return sent, nil
}
