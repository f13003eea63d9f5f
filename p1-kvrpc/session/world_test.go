package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

// world is the smallest one that can be unkind: a server and clients, whose
// messages are lost, repeated and late as one seed wants it.
type world struct {
	rnd     *rand.Rand
	rates   rates
	now     machine.Time
	number  uint64
	queue   []delivery
	nodes   []machine.Machine // by node - 1; the server is the first
	asked   map[uint64]asker  // by Ask at the server
	answers map[uint64]*kv.Response
	twice   bool // an Ask was answered twice
	heal    machine.Time
}

type rates struct{ lose, repeat, late float64 }

type delivery struct {
	at     machine.Time
	number uint64
	to     machine.Addr
	event  machine.Event
}

type asker struct {
	addr machine.Addr
	id   uint64
}

var server = addr(1)

func addr(n int) machine.Addr { return machine.Addr{Node: machine.Node(n), Role: "x"} }

// newWorld makes a world whose seed also draws how unkind it is.
func newWorld(t testing.TB, seed uint64, clients int, mode session.Mode) *world {
	w := &world{
		rnd:   rand.New(rand.NewPCG(seed, 1)),
		asked: map[uint64]asker{}, answers: map[uint64]*kv.Response{},
		heal: 20 * machine.Second,
	}
	w.rates = rates{w.rnd.Float64() * 0.5, w.rnd.Float64() * 0.5, w.rnd.Float64()}
	w.nodes = append(w.nodes, table.NewMachine(server, table.Config{}))
	for i := range clients {
		m, err := session.NewMachine(addr(i+2), session.Config{
			Servers: []session.Server{{Addr: server}}, Mode: mode, Timeout: 8 * machine.Second,
			Attempt: 500 * machine.Millisecond, InFlight: 3, TTL: machine.Time(1+w.rnd.IntN(60)) * machine.Second,
		})
		require.NoError(t, err)
		w.nodes = append(w.nodes, m)
	}
	return w
}

func (w *world) at(after machine.Time, to machine.Addr, e machine.Event) {
	w.number++
	w.queue = append(w.queue, delivery{w.now + after, w.number, to, e})
}

// next removes the earliest delivery.
func (w *world) next() delivery {
	first := 0
	for i, d := range w.queue {
		if f := w.queue[first]; d.at < f.at || d.at == f.at && d.number < f.number {
			first = i
		}
	}
	d := w.queue[first]
	w.queue = slices.Delete(w.queue, first, first+1)
	return d
}

// run goes on until nothing is under way but what the server does by itself.
func (w *world) run() {
	for len(w.queue) > 0 {
		d := w.next()
		w.now = d.at
		var out machine.Out
		w.nodes[d.to.Node-1].Step(machine.In{Now: w.now, Rand: w.rnd.Uint64(), Event: d.event}, &out)
		w.obey(d.to, &out)
	}
}

func (w *world) obey(from machine.Addr, out *machine.Out) {
	for _, e := range out.Send {
		if e.To == from {
			w.at(e.After, e.To, machine.Recv{From: from, Msg: e.Msg})
			continue
		}
		w.send(from, e)
	}
	for _, a := range out.Reply {
		if from == server {
			to := w.asked[a.ID]
			w.send(server, machine.Envelope{To: to.addr, Msg: machine.Return{ID: to.id, Data: a.Data}})
			continue
		}
		_, w.twice = w.answers[a.ID]
		w.answers[a.ID] = a.Data.(*kv.Response)
	}
}

// send carries a message: in bytes, as often as chance wants.
func (w *world) send(from machine.Addr, e machine.Envelope) {
	copies := 1
	if w.now < w.heal {
		if w.rnd.Float64() < w.rates.lose {
			copies = 0
		} else if w.rnd.Float64() < w.rates.repeat {
			copies = 2
		}
	}
	for range copies {
		delay := machine.Millisecond + machine.Time(w.rnd.IntN(int(2*machine.Millisecond)))
		if w.rnd.Float64() < 0.2 {
			delay += machine.Time(w.rates.late * w.rnd.Float64() * float64(3*machine.Second))
		}
		switch msg := travel(e.Msg).(type) {
		case machine.Call:
			w.number++
			w.asked[w.number] = asker{from, msg.ID}
			w.at(delay, e.To, machine.Ask{ID: w.number, Cmd: msg.Cmd})
		case machine.Return:
			w.at(delay, e.To, machine.Recv{From: from, Msg: msg})
		}
	}
}

func travel(msg machine.Data) machine.Data {
	p := &machine.Protocol{Name: "test", Command: kv.DecodeRequest, Return: kv.DecodeResponse}
	data, err := machine.DecodeMessage(machine.AppendMessage(nil, msg), p)
	if err != nil {
		panic(err)
	}
	return data
}

// appends lets the clients append tokens of their own and tells how often each one
// stands in the value in the end, beside how its operation ended.
func (w *world) appends(clients, each int) map[string]outcome {
	tokens := map[uint64]string{}
	for c := range clients {
		for i := range each {
			w.number++
			tokens[w.number] = fmt.Sprintf("<%d.%d>", c, i)
			after := machine.Time(w.rnd.IntN(int(15 * machine.Second)))
			to, ask := addr(c+2), w.number
			w.at(after, to, machine.Ask{ID: ask, Cmd: &kv.Request{Op: kv.Append{Key: "k", Value: []byte(tokens[ask])}}})
			if w.rnd.IntN(20) == 0 {
				w.at(after+machine.Time(w.rnd.IntN(int(machine.Second))), to, machine.Cancel{ID: ask})
			}
		}
	}
	w.run()
	var out machine.Out
	w.nodes[0].Step(machine.In{Now: w.now, Event: machine.Ask{ID: 1 << 60, Cmd: &kv.Request{Op: kv.Get{Key: "k"}}}}, &out)
	value := ""
	if item, ok := out.Reply[0].Data.(*kv.Response).Result.(kv.Item); ok {
		value = string(item.Value)
	}
	outcomes := map[string]outcome{}
	for ask, token := range tokens {
		outcomes[token] = outcome{w.answers[ask], strings.Count(value, token)}
	}
	return outcomes
}

type outcome struct {
	resp  *kv.Response // nil if cancelled
	times int
}

// right reports whether an append happened as often as its answer says.
func (o outcome) right() bool {
	switch {
	case o.resp == nil || o.resp.Status == kv.Maybe:
		return o.times <= 1
	case o.resp.Status == kv.OK:
		return o.times == 1
	}
	return o.times == 0
}

func TestAppendsHappenExactlyOnceWhateverTheNetworkDoes(t *testing.T) {
	const schedules = 1500
	done, unknown := 0, 0
	for seed := range uint64(schedules) {
		w := newWorld(t, seed, 2, session.ExactlyOnce)
		for token, o := range w.appends(2, 12) {
			require.True(t, o.right(), "seed %d: %s stands %d times, answered %+v", seed, token, o.times, o.resp)
			switch {
			case o.resp == nil:
			case o.resp.Status == kv.OK:
				done++
			default:
				unknown++
			}
		}
		require.False(t, w.twice, "seed %d: an Ask was answered twice", seed)
	}
	require.Greater(t, done, 50*unknown, "most operations must be done in the end")
}

func TestAtMostOnceLosesButNeverRepeats(t *testing.T) {
	lost := 0
	for seed := range uint64(300) {
		for token, o := range newWorld(t, seed, 2, session.AtMostOnce).appends(2, 12) {
			require.True(t, o.right(), "seed %d: %s stands %d times, answered %+v", seed, token, o.times, o.resp)
			if o.resp != nil && o.resp.Status == kv.Maybe && o.times == 0 {
				lost++
			}
		}
	}
	require.Greater(t, lost, 100)
}

func TestAtLeastOnceRepeatsButNeverLosesWhatItSaysIsDone(t *testing.T) {
	repeated := 0
	for seed := range uint64(300) {
		for token, o := range newWorld(t, seed, 2, session.AtLeastOnce).appends(2, 12) {
			if o.resp != nil && o.resp.Status == kv.OK {
				require.GreaterOrEqual(t, o.times, 1, "seed %d: %s", seed, token)
			}
			if o.times > 1 {
				repeated++
			}
		}
	}
	require.Greater(t, repeated, 100)
}

func TestEveryAskIsAnsweredUnlessCancelled(t *testing.T) {
	for seed := range uint64(200) {
		w := newWorld(t, seed, 1, session.Mode(seed%3))
		w.heal = 1 << 62 // never
		asks := []uint64{}
		for i := range 40 {
			w.number++
			asks = append(asks, w.number)
			var op kv.Op = kv.Get{Key: "a"}
			wait := time.Duration(0)
			switch i % 4 {
			case 1:
				op = kv.CAS{Key: "a", Value: []byte("x")}
			case 2:
				op, wait = kv.Events{}, 2*time.Second
			case 3:
				op = kv.Delete{Key: "a"}
			}
			w.at(machine.Time(i)*300*machine.Millisecond, addr(2), machine.Ask{ID: w.number, Cmd: &kv.Request{Op: op, Wait: wait}})
		}
		w.run()
		for _, ask := range asks {
			require.Contains(t, w.answers, ask, "seed %d", seed)
		}
		require.False(t, w.twice)
	}
}

func TestTheSameSeedGivesTheSameWorld(t *testing.T) {
	story := func() string {
		w := newWorld(t, 42, 3, session.ExactlyOnce)
		o := w.appends(3, 20)
		return fmt.Sprint(w.now, w.number, len(o))
	}
	require.Equal(t, story(), story())
}
