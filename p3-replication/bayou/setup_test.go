package bayou_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
)

const (
	role   = "bayou"
	second = machine.Second
)

// tiny is a language of programs: a check "K=V" holds where K has that value, and "K" where
// there is no K; a merge procedure "K=V;L=W" sets what is absent of K, L, and fails if nothing is.
type tiny struct{}

func newTiny() state.Programs { return tiny{} }

func (tiny) Validate(check, merge string) error {
	if strings.Contains(check+merge, "!") {
		return errors.New("no program has a !")
	}
	return nil
}

func (tiny) Check(program string, db state.Reader, _ []proto.Change) (bool, error) {
	key, want, has := strings.Cut(program, "=")
	value, ok := db.Get(key)
	return ok == has && string(value) == want, nil
}

func (tiny) Merge(program string, db state.Reader, _ []proto.Change) ([]proto.Change, error) {
	for _, try := range strings.Split(program, ";") {
		key, value, _ := strings.Cut(try, "=")
		if _, taken := db.Get(key); !taken {
			return []proto.Change{{Key: key, Value: []byte(value)}}, nil
		}
	}
	return nil, errors.New("all is taken")
}

func at(n int) machine.Addr { return machine.Addr{Node: machine.Node(n), Role: role} }

func addr(n int) string { return fmt.Sprintf("server-%d", n) }

// settings are those of n servers, of which the first founds the database.
func settings(self, n int) bayou.Config {
	c := bayou.Config{
		Found: self == 1, Addr: addr(self), Zone: "z",
		Tick: 20 * machine.Millisecond, Interval: 100 * machine.Millisecond, Founding: 300 * machine.Millisecond,
		Retain: 5, Keep: 2000, Batch: 300,
	}
	for i := 1; i <= n; i++ {
		if i != self {
			c.Peers = append(c.Peers, bayou.Peer{Node: machine.Node(i), Addr: addr(i)})
		}
	}
	return c
}

func protocol() *machine.Protocol { return bayou.Protocol(role, bayou.Config{Programs: newTiny}) }

// world is n servers.
func world(n int) *sim.Config {
	cfg := &sim.Config{Events: 800, Faults: sim.AllFaults()}
	for i := 1; i <= n; i++ {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: machine.Node(i), Roles: []sim.Role{
			{Name: role, Protocol: protocol(), Config: settings(i, n).AppendTo(nil)},
		}})
	}
	return cfg
}

// request is the k-th of a client that does all sorts of things.
func request(client, k int, r *rand.Rand) machine.Data {
	key := string(rune('a' + r.IntN(4)))
	value := fmt.Appendf(nil, "%d.%d", client, k)
	switch r.IntN(6) {
	case 0:
		return &kv.Request{Op: kv.Delete{Key: key}}
	case 1:
		return &kv.Request{Op: kv.Get{Key: key}}
	case 2:
		return &kv.Request{Op: kv.Guarded{
			If: key, Then: []kv.Op{kv.Put{Key: key, Value: value}}, Else: fmt.Sprintf("x%s=%s;y%s=%s", key, value, key, value),
		}}
	}
	return &kv.Request{Op: kv.Put{Key: key, Value: value}}
}
