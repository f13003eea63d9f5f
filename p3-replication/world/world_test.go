package world_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

func TestAWorldThatIsNotThereIsTold(t *testing.T) {
	_, err := world.Named("four")
	require.ErrorContains(t, err, `no world "four": want three, five, order, disks, births, far, sessions or programs`)
}

// role returns a machine of one of the roles, for n servers.
func role(t *testing.T, name string, n int) (machine.Addr, machine.Machine) {
	self := machine.Addr{Node: 1, Role: name}
	m, err := world.Roles()[name].New(self, []byte{byte(n)})
	require.NoError(t, err)
	return self, m
}

func step(m machine.Machine, e machine.Event) *machine.Out {
	out := &machine.Out{}
	m.Step(machine.In{Event: e, Rand: 1}, out)
	return out
}

// tells answers a machine's calls, each by what is told of its operation.
func tells(m machine.Machine, out *machine.Out, answer func(kv.Op) *kv.Response) (replies []machine.Answer) {
	for len(out.Send) > 0 {
		sent := out.Send
		out = &machine.Out{}
		for _, e := range sent {
			if call, ok := e.Msg.(machine.Call); ok {
				back := machine.Return{ID: call.ID, Data: answer(call.Cmd.(*kv.Request).Op)}
				m.Step(machine.In{Event: machine.Recv{From: e.To, Msg: back}}, out)
			}
		}
		replies = append(replies, out.Reply...)
	}
	return replies
}

func TestAnAuditorAnswersWhenAllServersHaveToldTheSame(t *testing.T) {
	stat := &kv.Response{Status: kv.OK, Stable: true, Rev: kv.Version{Hi: 7, Lo: 9}, Result: kv.Stats{Hash: []byte("h")}}
	unstable, older, other := *stat, *stat, *stat
	unstable.Stable, older.Rev.Hi, other.Result = false, 6, kv.Stats{Hash: []byte("i")}
	for name, c := range map[string]struct {
		second *kv.Response
		ends   bool
	}{
		"the same": {stat, true}, "tentative writes": {&unstable, false}, "fewer numbers": {&older, false}, "another state": {&other, false},
		"no answer": {kv.Refuse(kv.Unavailable, "no name yet"), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, m := role(t, "auditor", 2)
			stats := []*kv.Response{stat, c.second}
			replies := tells(m, step(m, machine.Ask{ID: 1, Cmd: &kv.Request{Op: kv.Members{}}}), func(op kv.Op) *kv.Response {
				if _, who := op.(kv.Members); who {
					return &kv.Response{Status: kv.OK, Result: kv.Group{Members: []kv.Member{{ID: 1}, {ID: 2}}}}
				}
				resp := stats[0]
				stats = stats[1:]
				return resp
			})
			require.Equal(t, c.ends, len(replies) == 1, replies)
		})
	}
}

func TestATravellerCarriesItsTokenAndDoesNotKnowWhatBecameOfALateWrite(t *testing.T) {
	self, m := role(t, "traveller", 3)
	put := &kv.Request{Op: kv.Put{Key: "x", Value: []byte("1")}}
	answered := tells(m, step(m, machine.Ask{ID: 1, Cmd: put}), func(kv.Op) *kv.Response {
		return &kv.Response{Status: kv.OK, Token: []byte("seen")}
	})
	require.Len(t, answered, 1)

	out := step(m, machine.Ask{ID: 2, Cmd: put})
	call := out.Send[0].Msg.(machine.Call)
	require.Equal(t, []byte("seen"), call.Cmd.(*kv.Request).Token)
	timer := out.Send[1]
	require.Equal(t, self, timer.To)
	late := step(m, machine.Recv{From: self, Msg: timer.Msg})
	require.Len(t, late.Reply, 1)
	require.Equal(t, kv.Maybe, late.Reply[0].Data.(*kv.Response).Status)
	require.Empty(t, step(m, machine.Recv{From: out.Send[0].To, Msg: machine.Return{ID: call.ID, Data: &kv.Response{Status: kv.OK}}}).Reply)
}

func TestASequencerGivesEachWriteOneNumberAndKeepsIt(t *testing.T) {
	_, m := role(t, "order", 3)
	server := machine.Addr{Node: 1, Role: world.Role}
	a, b := vector.Stamp{Time: 1, Server: vector.Root}, vector.Stamp{Time: 2, Server: vector.Root}
	ask := func(m machine.Machine, from uint64, ids ...vector.Stamp) *machine.Out {
		return step(m, machine.Recv{From: server, Msg: proto.Propose{From: from, IDs: ids}})
	}
	first := ask(m, 1, a)
	require.Equal(t, []machine.Data{proto.Committed{First: 1, IDs: []vector.Stamp{a}}}, first.Save)
	both := ask(m, 1, b, a)
	require.Equal(t, proto.Ordered{First: 1, IDs: []vector.Stamp{a, b}}, both.Send[0].Msg)

	_, again := role(t, "order", 3)
	for i, rec := range append(first.Save, both.Save...) {
		step(again, machine.Load{Seq: uint64(i + 1), Record: rec})
	}
	require.Equal(t, proto.Ordered{First: 2, IDs: []vector.Stamp{b}}, ask(again, 2, a).Send[0].Msg)
}

func TestALimitKeepsTheDisksOfAllWorldsButOne(t *testing.T) {
	harmful := sim.AllFaults().Damaging()
	for _, k := range world.All() {
		f := k.Limit(harmful)
		require.Equal(t, k.Name == "disks", f.Wipe+f.Flip+f.Misplace > 0, k.Name)
	}
}
