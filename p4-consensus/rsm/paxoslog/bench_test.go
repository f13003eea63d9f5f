package paxoslog_test

import (
	"iter"
	"runtime"
	"sync/atomic"
	"testing"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/loglet"
	"dss.example/common/machine"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
)

// shelf is the least store there is: puts, and nothing else.
type shelf map[string][]byte

func (s shelf) Apply(_ uint64, _ machine.Time, cmd machine.Data) machine.Data {
	put := cmd.(*kv.Request).Op.(kv.Put)
	s[put.Key] = put.Value
	return &kv.Response{Status: kv.OK}
}

func (shelf) Read(machine.Time, *kv.Request) *kv.Response {
	return kv.Refuse(kv.Unsupported, "no reads")
}
func (shelf) NextExpiry() (machine.Time, bool)       { return 0, false }
func (shelf) View() app.View                         { return shelf{} }
func (shelf) Load(iter.Seq2[string, []byte]) error   { return nil }
func (shelf) Pairs(string) iter.Seq2[string, []byte] { return func(func(string, []byte) bool) {} }

const callers = 64

// inParallel lets callers make all calls, and tells how many a second.
func inParallel(b *testing.B, call func() error) {
	b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := call(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkAppend appends 100 bytes at a time at the leader of three replicas in memory, for
// 64 callers, and trims. Beside it stands a put of as much through the door.
func BenchmarkAppend(b *testing.B) {
	body := make([]byte, 100)
	b.Run("append", func(b *testing.B) {
		c := newCluster(b, logs.Language("log"), paxos.Config{})
		l := c.log(c.leader())
		var n atomic.Uint64
		inParallel(b, func() error {
			if k := n.Add(1); k%8192 == 0 {
				return l.Trim(b.Context(), loglet.Pos(k/2))
			}
			_, err := l.Append(b.Context(), [][]byte{body})
			return err
		})
	})
	b.Run("put", func(b *testing.B) {
		c := newCluster(b, door.Language("kv", func() door.Store { return shelf{} }), paxos.Config{})
		leader := c.node(c.leader())
		inParallel(b, func() error {
			_, err := leader.Ask(b.Context(), &kv.Request{Op: kv.Put{Key: "user/00001234", Value: body}})
			return err
		})
	})
}
