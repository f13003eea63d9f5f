package spec_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/spec"
	"dss.example/p3-replication/vector"
)

var (
	x       = sets(at(3, second), "x", "1")
	y       = sets(at(4, second), "y", "2")
	retires = proto.Write{ID: at(4, second), Kind: proto.Retirement}
	hands   = proto.Write{ID: at(3, first), Kind: proto.Handover, Heir: second}
	getX    = &kv.Request{Level: kv.Eventual, Op: kv.Get{Key: "x"}}
	sure    = vector.Vector{{Server: first, Time: 2}, {Server: second, Time: 3}}
)

func item(w proto.Write) *kv.Response {
	v := version(w.ID)
	return &kv.Response{Status: kv.OK, Result: kv.Item{Key: w.Update[0].Key, Value: w.Update[0].Value, Mod: v, Create: v, Count: 1}}
}

// pairs are those of the state after number 3.
func pairs() []proto.Pair {
	v := cbor.AppendBytes(cbor.AppendUint(x.ID.AppendTo(x.ID.AppendTo(nil)), 1), []byte("1"))
	return []proto.Pair{
		{Key: "kx", Value: v},
		{Key: "s" + string(first), Value: proto.AppendPlace(nil, &places[0])},
		{Key: "s" + string(second), Value: proto.AppendPlace(nil, &places[1])},
	}
}

func kept(pairs []proto.Pair, sure vector.Vector) machine.Data {
	return proto.Kept{Part: proto.Part{At: proto.Cursor{Commit: 3}, Pairs: pairs, Sure: sure}}
}

func named() machine.Data { return proto.Named{Database: 7, Name: second, Place: places[1]} }

// sessions is a run in which a session has read at the first server, which had the write, and the
// next request of that session.
func sessions() (*run, *kv.Request) {
	r := shared()
	seen := *item(x)
	seen.Token = []byte("token")
	r.ask(1, &kv.Request{Level: kv.Session, Op: kv.Get{Key: "x"}}, &seen)
	return r, &kv.Request{Level: kv.Session, Token: seen.Token, Op: kv.Get{Key: "y"}}
}

func TestTheSpecificationAllowsWhatServersDo(t *testing.T) {
	guarded := proto.Write{ID: at(3, first), Kind: proto.Update, Update: []proto.Change{{Key: "k", Value: []byte("v")}}, Check: "c", Merge: "m"}
	op := kv.Guarded{If: "c", Then: []kv.Op{kv.Put{Key: "k", Value: []byte("v")}}, Else: "m"}
	merged := done(guarded.ID)
	merged.Result = kv.GuardedResult{Fate: kv.Merged}
	r, readsX := sessions()
	for name, r := range map[string]*run{
		"a write that the primary numbers": shared(),
		"a write that is read":             wrote().ask(2, getX, item(x)),
		"a write that is stable":           shared().ask(1, &kv.Request{Level: kv.Prefix, Op: kv.Get{Key: "x"}}, item(x)),
		"a merged write":                   met().ask(1, &kv.Request{Level: kv.Eventual, Op: op}, merged, learned(guarded), committed(3, guarded.ID)),
		"a stamp that nobody has heard of is given again": wrote().restart(2, disk()).
			ask(2, put("y", "2"), done(x.ID), learned(sets(x.ID, "y", "2"))),
		"a number that nobody has heard of is given again": shared().
			restart(1, []machine.Data{proto.Named{Database: 7, Name: first, Place: places[0]}, learned(births[0]), learned(births[1]), numbers, learned(x)}).
			ask(1, put("z", "3"), done(at(4, first)), learned(sets(at(4, first), "z", "3")), committed(3, at(4, first)), committed(4, x.ID)),
		"a state takes the place of writes": shared().step(2, got(1, proto.Piece{}), named(), kept(pairs(), sure), uint64(5)),
		"a hand-over":                       met().ask(1, &kv.Request{Op: kv.Transfer{To: 2}}, nil, learned(hands), committed(3, hands.ID)),
		"a retirement":                      wrote().ask(2, &kv.Request{Op: kv.Change{Remove: 2}}, nil, learned(retires), to(1, offer(proto.Reach{Known: sure[:1]}))),
		"a disk that is damaged, and a server that begins anew": wrote().restart(2, disk(nil), proto.Forgot{}),
		"a session where it was":                                r.ask(1, readsX, &kv.Response{Status: kv.NotFound}),
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, r.err) })
	}
}

func TestTheSpecificationRefusesWhatNoServerDoes(t *testing.T) {
	lies := item(x)
	lies.Result = kv.Item{Key: "x", Value: []byte("2"), Mod: version(x.ID), Create: version(x.ID), Count: 1}
	unstable := done(x.ID)
	unstable.Stable = true
	session, readsX := sessions()
	other := pairs()
	other[0].Value = []byte{0}
	for name, c := range map[string]struct {
		rule string
		run  *run
	}{
		"a stamp of what is known already":       {"stamp", met().ask(2, put("x", "1"), nil, learned(sets(at(2, second), "x", "1")))},
		"a write that nobody has asked for":      {"asked", met().step(2, tick, learned(x))},
		"a write that differs":                   {"same", wrote().step(1, tick, learned(sets(x.ID, "x", "2")))},
		"a write that nobody has accepted":       {"same", met().step(1, tick, learned(x))},
		"the second write before the first":      {"gap", wrote().ask(2, put("y", "2"), done(y.ID), learned(y)).step(1, tick, learned(y))},
		"a name that is another's":               {"name", met().step(3, machine.Ready{Fresh: true}).step(3, tick, named())},
		"a write after a retirement":             {"retired", wrote().ask(2, &kv.Request{Op: kv.Change{Remove: 2}}, nil, learned(retires)).ask(2, put("z", "3"), nil, learned(sets(at(5, second), "z", "3")))},
		"a number that is another write's":       {"number", shared().ask(2, put("y", "2"), done(y.ID), learned(y), committed(3, y.ID))},
		"a number that comes too early":          {"number", wrote().step(1, tick, learned(x), committed(4, x.ID))},
		"a number of what is not known":          {"number", wrote().step(1, tick, committed(3, x.ID))},
		"a number of one who is not primary":     {"primary", met().ask(2, put("x", "1"), nil, learned(x), committed(3, x.ID))},
		"a number after the hand-over":           {"primary", met().ask(1, &kv.Request{Op: kv.Transfer{To: 2}}, nil, learned(hands), committed(3, hands.ID)).ask(1, put("z", "1"), nil, learned(sets(at(4, first), "z", "1")), committed(4, at(4, first)))},
		"a state that its writes do not make":    {"state", shared().step(2, tick, named(), kept(other, sure))},
		"a state that lacks a pair":              {"state", shared().step(2, tick, named(), kept(pairs()[1:], sure))},
		"a state whose vector has lost a server": {"state", shared().step(2, tick, named(), kept(pairs(), sure[:1]))},
		"a state without what is tentative":      {"kept", shared().ask(2, put("y", "2"), done(y.ID), learned(y)).step(2, tick, named(), kept(pairs(), sure))},
		"records that go before the state":       {"kept", wrote().step(2, tick, uint64(3))},
		"a reach that is not saved":              {"saved first", met().step(2, tick, to(1, offer(reach(2, 3, 2))))},
		"a number that is not saved":             {"saved first", met().step(2, tick, to(1, offer(reach(2, 2, 3))))},
		"a reach before it is durable":           {"saved first", wrote().step(2, tick, atOnce(1, offer(reach(2, 3, 2))))},
		"an entry that goes before its server":   {"saved first", wrote().step(2, tick, to(1, offer(proto.Reach{Known: sure[:1]})))},
		"a write that is sent and not known":     {"saved first", wrote().step(1, tick, to(2, proto.Batch{Items: []proto.Item{{ID: x.ID, Write: &x}}, Reach: reach(2, 2, 2)}))},
		"a disk that lacks what was told":        {"saved first", wrote().step(1, got(2, offer(reach(2, 3, 2)))).restart(2, disk())},
		"a disk that lacks what others know":     {"saved first", shared().restart(2, disk())},
		"a damaged disk that goes on":            {"damage", wrote().restart(2, disk(nil))},
		"an answer that is not so":               {"read", wrote().ask(2, getX, lies)},
		"an answer that nothing is there":        {"read", wrote().ask(2, getX, &kv.Response{Status: kv.NotFound})},
		"a stable read of what is tentative":     {"read", wrote().ask(2, &kv.Request{Level: kv.Prefix, Op: kv.Get{Key: "x"}}, item(x))},
		"an answer with another write's name":    {"written", met().ask(2, put("x", "1"), done(y.ID), learned(x))},
		"a write that is not stable":             {"stable", met().ask(2, put("x", "1"), unstable, learned(x))},
		"a session that has read more":           {"session", session.ask(2, &kv.Request{Level: kv.Session, Op: kv.Get{Key: "x"}}, item(x)).ask(3, readsX, &kv.Response{Status: kv.NotFound})},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, c.run.err)
			var named interface{ Rule() string }
			require.ErrorAs(t, c.run.err, &named)
			require.Equal(t, "spec "+c.rule, named.Rule(), c.run.err)
		})
	}
}

func TestAnAuditThatEndsTooEarlyIsRefused(t *testing.T) {
	r := shared()
	auditor := machine.Addr{Node: 9, Role: "audit"}
	answer := machine.Answer{ID: 1, Data: &kv.Response{Status: kv.OK, Rev: kv.Version{Hi: 3}}}
	require.NoError(t, r.judge.Step(&sim.Step{Addr: auditor, In: machine.In{Event: machine.Ask{ID: 1}}, Out: &machine.Out{}}))
	err := r.judge.Step(&sim.Step{Addr: auditor, In: machine.In{Event: tick}, Out: &machine.Out{Reply: []machine.Answer{answer}}})
	require.ErrorContains(t, err, "agree: all servers tell the same, and node 2 knows no number of 3@0.2")
}

// forgetful is a store that says of each write that it is done.
type forgetful struct{}

func (forgetful) Step(in machine.In, out *machine.Out) {
	if e, ok := in.Event.(machine.Ask); ok {
		out.Answer(e.ID, done(x.ID))
	}
}

func TestAWriteThatWasAcknowledgedAndIsNowhereIsMissedAtTheEnd(t *testing.T) {
	at := machine.Addr{Node: 1, Role: "elsewhere"}
	cfg := &sim.Config{
		Events: 10,
		Nodes: []sim.Node{{ID: 1, Roles: []sim.Role{{Name: at.Role, Protocol: &machine.Protocol{
			New: func(machine.Addr, []byte) (machine.Machine, error) { return forgetful{}, nil },
		}}}}},
		Clients: []sim.Client{{At: at, Next: func(int, *rand.Rand) machine.Data { return put("x", "1") }}},
		Judges: func() []sim.Judge {
			return []sim.Judge{spec.New(spec.Config{Role: "r", Programs: func() state.Programs { return none{} }})}
		},
	}
	w := sim.NewWorld(cfg, 1)
	defer w.Close()
	fail := w.Run()
	require.NotNil(t, fail)
	require.Equal(t, "spec lost", fail.Rule, fail)
}
