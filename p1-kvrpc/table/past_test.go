package table_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table"
)

func TestAMachineAndItsViewsTellWhichRevisionsCanBeRead(t *testing.T) {
	m := table.NewMachine(machine.Addr{Node: 1, Role: "table"}, table.Config{HistoryEvents: 3})
	revisions := func(r any) []uint64 {
		oldest, present := r.(interface {
			Revisions() (oldest, present uint64)
		}).Revisions()
		return []uint64{oldest, present}
	}
	require.Equal(t, []uint64{1, 1}, revisions(m))
	var early any
	for i := range 5 {
		tell(m, 0, &kv.Request{Op: kv.Put{Key: fmt.Sprint(i)}})
		if i == 0 {
			early = m.View()
		}
	}
	require.Equal(t, []uint64{3, 6}, revisions(m))
	require.Equal(t, []uint64{3, 6}, revisions(m.View()))
	require.Equal(t, []uint64{1, 2}, revisions(early), "a View stays what it was")
}

func TestAMachineTellsWhetherTimeAloneWillChangeIt(t *testing.T) {
	m := table.NewMachine(machine.Addr{Node: 1, Role: "table"}, table.Config{})
	require.False(t, m.Pending())
	tell(m, 0, &kv.Request{Op: kv.Put{Key: "a"}})
	require.False(t, m.Pending())
	tell(m, 0, &kv.Request{Op: kv.Grant{TTL: time.Second}})
	require.True(t, m.Pending())
	tell(m, machine.Second, &kv.Request{Op: kv.Expire{}})
	require.False(t, m.Pending())
}

// tell asks a machine at a time.
func tell(m *table.Machine, now machine.Time, req *kv.Request) {
	var out machine.Out
	m.Step(machine.In{Now: now, Event: machine.Ask{ID: 1, Cmd: req}}, &out)
}
