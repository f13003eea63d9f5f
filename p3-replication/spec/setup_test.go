package spec_test

import (
	"errors"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/spec"
	"dss.example/p3-replication/vector"
)

// none runs programs: a check is false, and a merge procedure sets the key that it is.
type none struct{}

func (none) Validate(string, string) error { return nil }

func (none) Check(string, state.Reader, []proto.Change) (bool, error) { return false, nil }

func (none) Merge(program string, _ state.Reader, _ []proto.Change) ([]proto.Change, error) {
	if program == "fail" {
		return nil, errors.New("as it says")
	}
	return []proto.Change{{Key: program, Value: []byte("merged")}}, nil
}

// run feeds a Database by hand.
type run struct {
	judge *spec.Database
	err   error
	lives map[machine.Node]int
	asks  uint64
}

func newRun() *run {
	return &run{lives: map[machine.Node]int{}, judge: spec.New(spec.Config{
		Role: "r", Audit: "audit", Programs: func() state.Programs { return none{} },
	})}
}

func addr(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: "r"} }

// step tells the judge of one; the first error stays.
func (r *run) step(n machine.Node, event machine.Event, says ...any) *run {
	out := &machine.Out{}
	for _, s := range says {
		switch s := s.(type) {
		case machine.Envelope:
			out.Send = append(out.Send, s)
		case machine.Answer:
			out.Reply = append(out.Reply, s)
		case uint64:
			out.Trim = s
		case machine.Data:
			out.Save = append(out.Save, s)
		}
	}
	if r.err == nil {
		r.err = r.judge.Step(&sim.Step{Addr: addr(n), Life: r.lives[n], In: machine.In{Event: event}, Out: out})
	}
	return r
}

// asks lets a client ask; what is answered comes last.
func (r *run) ask(n machine.Node, req *kv.Request, resp *kv.Response, says ...any) *run {
	r.asks++
	if resp != nil {
		says = append(says, machine.Answer{ID: r.asks, Data: resp})
	}
	return r.step(n, machine.Ask{ID: r.asks, Cmd: req}, says...)
}

// restart lets a node crash and load what is given; nil is a damaged record.
func (r *run) restart(n machine.Node, records []machine.Data, says ...any) *run {
	r.lives[n]++
	for i, rec := range records {
		r.step(n, machine.Load{Seq: uint64(i + 1), Record: rec, Damaged: rec == nil})
	}
	return r.step(n, machine.Ready{Fresh: len(records) == 0}, says...)
}

func to(n machine.Node, m machine.Data) machine.Envelope {
	return machine.Envelope{To: addr(n), Msg: m}
}

func atOnce(n machine.Node, m machine.Data) machine.Envelope {
	return machine.Envelope{To: addr(n), Early: true, Msg: m}
}

func got(from machine.Node, m machine.Data) machine.Event {
	return machine.Recv{From: addr(from), Msg: m}
}

var tick = machine.Recv{From: addr(1), Msg: proto.Tick{}}

// The two servers of these runs: the first of all, at node 1, and the one that it bears at time 2.
var (
	first   = vector.Root
	second  = child(first, 2)
	places  = []proto.Place{{Node: 1, Life: 1}, {Node: 2, Life: 2}}
	births  = []proto.Write{{ID: at(1, first), Kind: proto.Birth, Place: places[0]}, {ID: at(2, first), Kind: proto.Birth, Place: places[1]}}
	numbers = proto.Committed{First: 1, IDs: []vector.Stamp{births[0].ID, births[1].ID}}
)

func child(s vector.Server, t uint64) vector.Server {
	c, err := s.Child(t)
	if err != nil {
		panic(err)
	}
	return c
}

func at(t uint64, s vector.Server) vector.Stamp { return vector.Stamp{Time: t, Server: s} }

func learned(w proto.Write) machine.Data { return proto.Learned{Write: w} }

func committed(number uint64, ids ...vector.Stamp) machine.Data {
	return proto.Committed{First: number, IDs: ids}
}

// sets is a write of a client.
func sets(id vector.Stamp, key, value string) proto.Write {
	return proto.Write{ID: id, Kind: proto.Update, Update: []proto.Change{{Key: key, Value: []byte(value)}}}
}

func put(key, value string) *kv.Request {
	return &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: key, Value: []byte(value)}}
}

// version is the name of a write for clients, as these servers have it.
func version(id vector.Stamp) kv.Version {
	h := uint64(14695981039346656037)
	for _, c := range []byte(id.Server) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return kv.Version{Hi: id.Time, Lo: h | 1}
}

func done(id vector.Stamp) *kv.Response { return &kv.Response{Status: kv.OK, Rev: version(id)} }

// reach is what both know after met, and as much more of each.
func reach(ofFirst, ofSecond, commit uint64) proto.Reach {
	return proto.Reach{Known: vector.Vector{{Server: first, Time: ofFirst}, {Server: second, Time: ofSecond}}, Commit: commit}
}

func offer(r proto.Reach) proto.Offer { return proto.Offer{Database: 7, Reach: r} }

// disk is what the second server has saved when both have met.
func disk(more ...machine.Data) []machine.Data {
	return append([]machine.Data{
		proto.Named{Database: 7, Name: second, Place: places[1]}, learned(births[0]), learned(births[1]), numbers,
	}, more...)
}

// met is a run in which the first server has borne the second, which knows what the first does.
func met() *run {
	r := newRun()
	r.step(1, machine.Ready{Fresh: true}).step(2, machine.Ready{Fresh: true})
	r.step(1, tick, proto.Named{Database: 7, Name: first, Place: places[0]}, learned(births[0]), committed(1, births[0].ID))
	born := proto.Born{Database: 7, Life: 2, Name: second}
	r.step(1, got(2, proto.Bear{Place: places[1]}), learned(births[1]), committed(2, births[1].ID), to(2, born))
	r.step(2, got(1, born), proto.Named{Database: 7, Name: second, Place: places[1]})
	return r.step(2, got(1, proto.Batch{Database: 7, Reach: reach(2, 2, 2)}), learned(births[0]), learned(births[1]), numbers)
}

// wrote is met, and then the second server has accepted a write.
func wrote() *run {
	w := sets(at(3, second), "x", "1")
	return met().ask(2, put("x", "1"), done(w.ID), learned(w), to(1, offer(reach(2, 3, 2))))
}

// shared is wrote, and the first server knows that write, and has given it its number.
func shared() *run {
	w := sets(at(3, second), "x", "1")
	return wrote().step(1, got(2, proto.Batch{Database: 7, Reach: reach(2, 3, 2)}), learned(w), committed(3, w.ID))
}
