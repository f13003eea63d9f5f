package gossip

import (
	"slices"

	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// site is the machine.
type site struct {
	table
	cfg    Config
	self   machine.Addr
	others chooser

	name   vector.Server // of its stamps, drawn for each disk
	clock  vector.Clock
	now    machine.Time // of the present step
	dice   dice         // of the present step
	period uint64       // counts from the start

	hot      []rumour // at most MaxHot, the oldest first
	exchange *exchange
	hunted   [2]int // peers tried instead of a Busy one, of a rumour's and an exchange's conversation
	taken    int    // conversations of others in this period

	records uint64 // saved so far
	first   uint64 // of the records, the first that is needed
	maimed  bool   // a record is lost: which stamps were given is not known
}

// slack is how many records a site may save before it writes all of its table anew, beyond twice
// what the table has.
const slack = 256

// New returns a site. The error wraps ErrConfig.
func New(self machine.Addr, c Config) (machine.Machine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &site{cfg: c.complete(), self: self, others: newChooser(self.Node, &c)}, nil
}

// Step implements machine.Machine.
func (s *site) Step(in machine.In, out *machine.Out) {
	s.now, s.dice = in.Now, dice{machine.Dice(in.Rand)}
	switch e := in.Event.(type) {
	case machine.Load:
		s.load(e)
	case machine.Ready:
		s.ready(out)
	case machine.Ask:
		s.ask(e.ID, e.Cmd, out)
	case machine.Recv:
		s.receive(e.From, e.Msg, out)
	}
}

// load takes back a record. A certificate is as old as it was when it was saved: the time while the
// site was down does not count.
func (s *site) load(e machine.Load) {
	s.records = e.Seq
	if s.first == 0 {
		s.first = e.Seq
	}
	switch r := e.Record.(type) {
	case Born:
		s.name = r.Name
		s.clock.Witness(r.Time)
	case Kept:
		s.clock.Witness(max(r.Item.Stamp.Time, r.Item.awake().Time))
		s.restore(r.Item)
	case Dropped:
		if old, ok := s.entries[r.Key]; ok && old.Stamp == r.Stamp {
			s.remove(old)
		}
	default:
		s.maimed = true
	}
}

// restore puts back an item as it was saved.
func (s *site) restore(i Item) {
	e := &entry{Item: i}
	if i.Death != nil {
		e.made = s.now - i.Death.Age
		e.dormant = i.Death.Age >= s.cfg.Retain && s.keeps(e)
	}
	s.put(e)
}

// ready begins. Who does not know all stamps that it has given takes a new name for others.
func (s *site) ready(out *machine.Out) {
	if s.name == "" || s.maimed {
		s.name = rename(s.self.Node, s.dice.Roll())
		s.save(Born{Name: s.name, Time: s.clock.Last()}, out)
	}
	s.first = max(s.first, 1)
	out.Timer(s.self, machine.Time(s.dice.below(uint64(s.cfg.Period))), Tick{})
}

// rename makes a site's name of its number and a draw.
func rename(node machine.Node, draw uint64) vector.Server {
	name := vector.Root
	for _, t := range []uint64{uint64(node), draw} {
		if child, err := name.Child((t-1)%vector.MaxTime + 1); err == nil {
			name = child
		}
	}
	return name
}

func (s *site) receive(from machine.Addr, msg machine.Data, out *machine.Out) {
	if _, tick := msg.(Tick); tick {
		if from == s.self {
			s.tick(out)
		}
		return
	}
	if from.Role != s.self.Role || from == s.self {
		return
	}
	switch m := msg.(type) {
	case Mail:
		s.learn(m.Item, out)
	case Rumours:
		s.hear(from, m, out)
	case Page:
		s.compare(from, m, out)
	case Diff:
		s.proceed(from, m, out)
	case Busy:
		s.hunt(from, m, out)
	}
}

// tick begins a period.
func (s *site) tick(out *machine.Out) {
	out.Timer(s.self, s.cfg.Period, Tick{})
	s.fade()
	s.age(out)
	s.period++
	s.taken, s.hunted = 0, [2]int{}
	s.gossip(out)
	if s.cfg.Entropy != None && s.period%uint64(s.cfg.Every) == 0 && !s.exchange.goesOn() {
		s.begin(out)
	}
	if s.records-s.first > uint64(2*len(s.entries)+slack) {
		s.rewrite(out)
	}
}

// takes tells whether there is room for a conversation that another begins, and takes it.
func (s *site) takes() bool {
	if s.cfg.Limit > 0 && s.taken >= s.cfg.Limit {
		return false
	}
	s.taken++
	return true
}

// The indices of hunted.
const (
	huntRumours = iota
	huntExchange
)

// hunt tries another peer instead of one that is busy (E87 1.4).
func (s *site) hunt(from machine.Addr, m Busy, out *machine.Out) {
	kind := huntRumours
	if m.Exchange {
		kind = huntExchange
		if s.exchange == nil || s.exchange.peer != from {
			return
		}
		s.exchange = nil
	}
	if !m.Exchange {
		s.untell()
	}
	if s.hunted[kind] >= s.cfg.Hunt {
		return
	}
	s.hunted[kind]++
	if m.Exchange {
		s.begin(out)
	} else {
		s.gossip(out)
	}
}

func (s *site) save(r machine.Data, out *machine.Out) {
	s.records++
	out.Save = append(out.Save, r)
}

// rewrite saves all that is needed once more, so that what was saved before can go.
func (s *site) rewrite(out *machine.Out) {
	s.first = s.records + 1
	s.save(Born{Name: s.name, Time: s.clock.Last()}, out)
	for _, e := range s.order {
		s.save(Kept{e.at(s.now)}, out)
	}
	for _, e := range s.deaths {
		if e.dormant {
			s.save(Kept{e.at(s.now)}, out)
		}
	}
	out.Trim = s.first
}

// chooser draws partners.
type chooser struct {
	peers []machine.Node
	sums  []uint64 // of the weights, up to each peer; nil if all weigh alike
	self  int      // the site's own place among peers, or -1
}

func newChooser(self machine.Node, c *Config) chooser {
	ch := chooser{peers: c.Peers, self: -1}
	if at, ok := slices.BinarySearch(c.Peers, self); ok {
		ch.self = at
	}
	var sum uint64
	for i, w := range c.Weights {
		if i != ch.self {
			sum += uint64(w)
		}
		ch.sums = append(ch.sums, sum)
	}
	return ch
}

// draw chooses a peer; ok is false if there is none.
func (c *chooser) draw(d *dice) (machine.Node, bool) {
	if c.sums != nil {
		total := c.sums[len(c.sums)-1]
		if total == 0 {
			return 0, false
		}
		at, _ := slices.BinarySearch(c.sums, d.below(total)+1)
		return c.peers[at], true
	}
	n := len(c.peers)
	if c.self >= 0 {
		n--
	}
	if n <= 0 {
		return 0, false
	}
	at := int(d.below(uint64(n)))
	if c.self >= 0 && at >= c.self {
		at++
	}
	return c.peers[at], true
}

// partner draws an address to talk with.
func (s *site) partner() (machine.Addr, bool) {
	n, ok := s.others.draw(&s.dice)
	return machine.Addr{Node: n, Role: s.self.Role}, ok
}

// dice are drawn numbers of the present step.
type dice struct{ machine.Dice }

// below draws a number below n, which is not 0.
func (d *dice) below(n uint64) uint64 { return d.Roll() % n }
