package table_test

import (
	"fmt"
	"testing"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
)

const benchKeys = 10_000

func filled() (*table.Table, []string) {
	tab := table.New(table.Config{})
	tab.Do(0, &kv.Request{Op: kv.OpenSession{TTL: time.Hour}})
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("user/%08d", i*7919%benchKeys)
		tab.Do(0, &kv.Request{Op: kv.Put{Key: keys[i], Value: make([]byte, 100)}})
	}
	return tab, keys
}

func BenchmarkGet(b *testing.B) {
	tab, keys := filled()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.Do(0, &kv.Request{Op: kv.Get{Key: keys[i%benchKeys]}})
	}
}

func BenchmarkPut(b *testing.B) {
	tab, keys := filled()
	value := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.Do(0, &kv.Request{Op: kv.Put{Key: keys[i%benchKeys], Value: value}})
	}
}

func BenchmarkPutInSession(b *testing.B) {
	for _, window := range []uint64{1, 256} {
		b.Run(fmt.Sprint("window=", window), func(b *testing.B) {
			tab, keys := filled()
			value := make([]byte, 100)
			b.ReportAllocs()
			for seq := uint64(1); b.Loop(); seq++ {
				tab.Do(0, &kv.Request{Session: 1, Seq: seq, Acked: max(seq, window) - window, Op: kv.Put{Key: keys[seq%benchKeys], Value: value}})
			}
		})
	}
}

func BenchmarkMachinePutInSession(b *testing.B) {
	m := table.NewMachine(self, table.Config{FirstID: 1})
	var out machine.Out
	m.Step(machine.In{Event: machine.Ask{ID: 1, Cmd: &kv.Request{Op: kv.OpenSession{TTL: time.Hour}}}}, &out)
	value := make([]byte, 100)
	b.ReportAllocs()
	for seq := uint64(1); b.Loop(); seq++ {
		out.Reset()
		m.Step(machine.In{Now: machine.Time(seq), Event: machine.Ask{ID: seq + 1, Cmd: &kv.Request{
			Session: 1, Seq: seq, Acked: seq - 1, Op: kv.Put{Key: "a", Value: value},
		}}}, &out)
	}
}

func BenchmarkViewThenPut(b *testing.B) {
	tab, keys := filled()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.View()
		tab.Do(0, &kv.Request{Op: kv.Put{Key: keys[i%benchKeys], Value: nil}})
	}
}
