package paxos

import (
	"errors"
	"fmt"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// Replica is one node's part in the replicated log: acceptor, proposer and learner in one,
// and the Service that the log drives. It is a machine.Machine.
type Replica struct {
	self machine.Addr
	lang *Language
	cfg  Config // its Alpha is the group's, once there is one

	// What the disk keeps.
	disk, life uint64
	promised   proto.Ballot // no vote in any lower ballot
	log        ledger
	commit     uint64 // all slots up to it are chosen and applied
	records    uint64 // saved so far

	// The replicated state, after slot commit.
	service Service
	clock   machine.Time // the log's
	seen    snapshot.Windows
	reigns  proto.Reigns  // of the slots after commit; none before it is known who the group is
	gone    snapshot.Gone // names that never come back

	role     role
	lead     lead         // unless following
	leader   proto.Ballot // whom this replica follows, or its own; zero: nobody is known
	loyalty  machine.Time
	deadline machine.Time // when to seek another leader, or as a leader to give up
	failures int          // campaigns in a row
	patience machine.Time // no Want before

	asks    []asked // in order of seq
	seq     uint64  // of the last of them
	reads   []read
	readSeq uint64
	scratch []byte // to encode a command in: as large as the largest so far
	parked  []parked
	remote  []remoteRead // of others, at a leader

	founding founding // until the group is known
	damaged  int      // records that could not be read, and may have held what was promised
	harmed   uint64   // the last record of any life that could not be read; 0: none
	guests   []guest  // who is kept up to date and not a member

	unsnapped int // bytes applied since the last snapshot
	snapped   uint64
	writing   *writing           // a snapshot on its way to the disk
	arriving  *snapshot.Arriving // one on its way here
	shipments []*shipment        // those on their way to others
	loaded    []loaded
	durable   uint64 // commit, as the disk knows it

	flushing bool
	ready    bool   // all was loaded
	born     uint64 // the record that begins this life
	living   bool   // and it is durable
	now      machine.Time
	rand     machine.Dice
	out      *machine.Out
}

// role is what a replica is about.
type role uint8

const (
	following role = iota
	electing
	leading
)

var _ machine.Machine = (*Replica)(nil)

// New returns a Replica that has not been loaded yet.
func New(self machine.Addr, lang *Language, cfg Config) (*Replica, error) {
	r := &Replica{self: self, lang: lang, cfg: cfg.withDefaults(), service: lang.New(), log: ledger{first: 1}}
	if self.Node == 0 {
		return nil, errConfig
	}
	for i, p := range cfg.Peers {
		if p.Node == 0 || i > 0 && cfg.Peers[i-1].Node >= p.Node {
			return nil, errConfig
		}
	}
	if !cfg.Join {
		g := r.cfg.first()
		stand(g.Members)
		if err := errors.Join(g.Check(), mustFind(&g, self.Node)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func mustFind(g *proto.Group, node machine.Node) error {
	if _, ok := g.Find(node); !ok {
		return fmt.Errorf("node %d is not among the peers", node)
	}
	return nil
}

// Step implements machine.Machine.
func (r *Replica) Step(in machine.In, out *machine.Out) {
	r.now, r.rand, r.out = in.Now, machine.Dice(in.Rand), out
	switch e := in.Event.(type) {
	case machine.Load:
		r.load(e)
	case machine.Ready:
		r.start()
	case machine.Recv:
		if e.From.Role == r.self.Role {
			r.receive(e.From, e.Msg)
		}
	case machine.Ask:
		r.asked(e.ID, e.Cmd)
	case machine.Cancel:
		r.cancel(e.ID)
	case machine.Link:
		r.link(e)
	}
	r.out = nil
}

// receive takes a message. Nobody speaks in a ballot of somebody else's.
func (r *Replica) receive(from machine.Addr, msg machine.Data) {
	owns := func(b proto.Ballot) bool { return b.Node == from.Node }
	switch m := msg.(type) {
	case proto.Tick:
		if from == r.self {
			r.tick()
		}
	case proto.Flush:
		if from == r.self {
			r.flushed()
		}
	case proto.Saved:
		if from == r.self {
			r.saved(m)
		}
	case proto.Prepare:
		if owns(m.Ballot) && from != r.self && len(r.reigns) > 0 {
			r.prepare(from, m)
		} else if r.cfg.Join || r.harmed > 0 { // a member already, it may be, without whom nobody leads
			r.want(from)
		}
	case proto.Promise:
		r.hear(from, m)
	case proto.Nack:
		r.nacked(from, m)
	case proto.Accept:
		if owns(m.Ballot) && from != r.self && len(r.reigns) > 0 {
			r.accept(from, m)
		}
	case proto.Accepted:
		r.accepted(from, m)
	case proto.Beat:
		if owns(m.Ballot) && from != r.self && len(r.reigns) > 0 {
			r.beat(from, m)
		} else if r.cfg.Join || r.harmed > 0 {
			r.want(from)
		}
	case proto.Echo:
		r.echoed(from, m)
	case proto.Campaign:
		if owns(m.Ballot) && m.Ballot == r.leader {
			r.campaign(m.Ballot)
		}
	case proto.Want:
		r.tell(from, m)
	case proto.Learn:
		r.told(from, m)
	case proto.Install:
		r.install(from, m)
	case proto.Installed:
		r.installed(from, m)
	case proto.Forward:
		r.forwarded(from, m)
	case proto.ReadAsk:
		r.readAsked(from, m)
	case proto.ReadAt:
		r.readAt(m)
	case proto.Hello:
		r.hello(from, m)
	case proto.Greet:
		r.greeted(from, m)
	case proto.Join:
		r.joins(from, m)
	}
}

// start begins a life, after all records were loaded.
func (r *Replica) start() {
	r.restore()
	r.beBorn(r.disk == 0 || r.damaged > 0)
	r.ready = true
	r.loyalty = r.now + r.cfg.Lease
	r.expect(r.cfg.Election)
	r.tick()
}

// beBorn begins a life, under a new name of the disk if what was said under the old one may
// be more than is known here, or more than the group remembers.
func (r *Replica) beBorn(renamed bool) {
	if renamed {
		r.disk, r.life = r.draw()|1, 0
	}
	r.life++
	r.living = false
	r.born = r.save(proto.Born{Disk: r.disk, Life: r.life, New: renamed})
	r.send(r.self, proto.Saved{Record: r.born})
}

// tick looks at everything that has a deadline.
func (r *Replica) tick() {
	r.out.Timer(r.self, r.cfg.Heartbeat, proto.Tick{})
	switch {
	case r.role != following:
		r.lookAfter()
	case !r.electable():
		r.outside()
	}
	if r.role != leading && r.now >= r.deadline && r.electable() {
		r.campaign(proto.Ballot{})
	}
	r.remind()
	r.askReads()
	r.giveUpReads()
	r.endWaits()
	r.dropGuests()
	r.dropShipments()
}

// expect puts off the search for a leader by d to twice d, so that two that wait do not
// begin at once.
func (r *Replica) expect(d machine.Time) {
	r.deadline = r.now + d + machine.Time(r.draw()%uint64(d+1))
}

// draw returns random bits; several may be drawn in a step.
func (r *Replica) draw() uint64 { return r.rand.Roll() }

// link takes the hint that a connection broke: if it was the leader's, another may be
// needed soon. With leases, loyalty is a promise that no hint ends.
func (r *Replica) link(e machine.Link) {
	if e.Up || e.Peer != r.leader.Node || r.role != following || !r.ready {
		return
	}
	if r.cfg.Lease == 0 {
		r.loyalty = r.now
	}
	soon := r.now + machine.Time(r.draw()%uint64(r.cfg.Heartbeat+1))
	r.deadline = min(r.deadline, max(soon, r.loyalty))
	r.out.Timer(r.self, max(r.deadline-r.now, 1), proto.Flush{})
}

// flush sees to it that what has gathered leaves after the inputs that are there.
func (r *Replica) flush() {
	if !r.flushing {
		r.flushing = true
		r.early(r.self, proto.Flush{})
	}
}

func (r *Replica) flushed() {
	r.flushing = false
	if r.role == following && r.now >= r.deadline && r.electable() {
		r.campaign(proto.Ballot{})
	}
	r.propose()
	if r.role == leading && (r.readsWait() || r.lead.told < r.commit) {
		r.sendBeat()
		r.beginReads()
	}
}

func (r *Replica) voter() proto.Voter { return proto.Voter{Node: r.self.Node, Disk: r.disk} }

func (r *Replica) peer(node machine.Node) machine.Addr {
	return machine.Addr{Node: node, Role: r.self.Role}
}

// save appends a record and returns its number.
func (r *Replica) save(rec machine.Data) uint64 {
	r.out.Save = append(r.out.Save, rec)
	r.records++
	return r.records
}

func (r *Replica) send(to machine.Addr, msg machine.Data) { r.out.SendTo(to, msg) }

func (r *Replica) early(to machine.Addr, msg machine.Data) {
	r.out.Send = append(r.out.Send, machine.Envelope{To: to, Early: true, Msg: msg})
}

func (r *Replica) note(name, text string) {
	r.out.Note = append(r.out.Note, machine.Fact{Name: name, Text: text})
}
