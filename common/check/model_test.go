package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// What the Model does with keys is held against package kvtest's hand-written
// cases. These are the rest: what only the Model promises.

func model(keep uint64) *check.Model {
	return check.NewModel(kv.Caps{Level: kv.StrictSerializable, Has: ^kv.Cap(0)}, keep)
}

func TestModelKeepsSoManyRevisions(t *testing.T) {
	m := model(2)
	for range 5 {
		m.Do(0, &kv.Request{Op: wrote("x", "1")})
	}
	status := func(at uint64) kv.Status {
		return m.Do(0, &kv.Request{At: kv.Version{Lo: at}, Op: kv.Get{Key: "x"}}).Status
	}
	require.Equal(t, []kv.Status{kv.Compacted, kv.OK, kv.OK, kv.FutureRev}, []kv.Status{status(2), status(3), status(5), status(6)})
	require.Equal(t, kv.Compacted, m.Do(0, &kv.Request{Op: kv.Events{After: kv.Version{Lo: 2}}}).Status)
	events := m.Do(0, &kv.Request{Op: kv.Events{After: kv.Version{Lo: 3}}}).Result.(kv.EventList)
	require.Len(t, events.List, 2)
}

func TestModelStartsAtARevision(t *testing.T) {
	m := model(0)
	m.StartAt(kv.Version{Hi: 3, Lo: 7})
	require.Equal(t, kv.Version{Hi: 3, Lo: 8}, m.Do(0, &kv.Request{Op: wrote("x", "1")}).Rev)
}

func TestModelAdoptsNames(t *testing.T) {
	m := model(0)
	m.Adopt(77)
	require.Equal(t, kv.LeaseID(77), m.Do(0, &kv.Request{Op: kv.Grant{TTL: time.Second}}).Result.(kv.LeaseInfo).ID)
	m.Adopt(5)
	require.EqualValues(t, 5, m.Do(0, &kv.Request{Op: kv.OpenSession{TTL: time.Second}}).Result.(kv.SessionInfo).ID)
}

func TestModelEndsWhatIsDue(t *testing.T) {
	m := model(0)
	id := m.Do(0, &kv.Request{Op: kv.Grant{TTL: time.Second}}).Result.(kv.LeaseInfo).ID
	m.Do(0, &kv.Request{Op: kv.Put{Key: "x", Lease: id}})
	get := &kv.Request{Op: kv.Get{Key: "x"}}
	require.Equal(t, kv.OK, m.Do(machine.Second-1, get).Status)
	gone := m.Do(machine.Second, get)
	require.Equal(t, kv.NotFound, gone.Status)
	require.Equal(t, kv.Version{Lo: 2}, gone.Rev, "the deletion is a revision")
	require.Equal(t, kv.NotFound, m.Do(0, get).Status, "time does not go back")
}

func TestModelRefusesWhatItDoesNotOffer(t *testing.T) {
	m := check.NewModel(kv.Caps{Level: kv.Prefix, Has: kv.CapAppend}, 0)
	for _, req := range []kv.Request{
		{Op: cas("x", "1", 0)}, {Op: kv.Stat{}}, {Level: kv.Linearizable, Op: kv.Get{Key: "x"}}, {At: kv.Version{Lo: 1}, Op: kv.Get{Key: "x"}},
	} {
		require.Equal(t, kv.Unsupported, m.Do(0, &req).Status)
	}
	require.Equal(t, kv.OK, m.Do(0, &kv.Request{Op: kv.Append{Key: "x", Value: []byte("1")}}).Status)
	require.Equal(t, kv.Invalid, m.Do(0, &kv.Request{}).Status)
}

func TestModelHasNoServersAndNothingTentative(t *testing.T) {
	m := model(0)
	for _, op := range []kv.Op{
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "x"}}},
		kv.Inquire{Write: kv.Version{Lo: 1}},
		kv.Conflicts{},
		kv.Probe{},
		kv.Members{},
		kv.Inspect{},
		kv.Change{Add: 1},
		kv.Transfer{To: 1},
	} {
		require.Equal(t, kv.Unsupported, m.Do(0, &kv.Request{Op: op}).Status, kv.OpName(op))
	}
	require.Empty(t, m.Items())
	require.Equal(t, kv.Invalid, m.Do(0, &kv.Request{Op: kv.Guarded{}}).Status, "the rules of the door come first")
}

func TestModelSharesNoBytes(t *testing.T) {
	m := model(0)
	value := []byte("1")
	m.Do(0, &kv.Request{Op: kv.Put{Key: "x", Value: value}})
	value[0] = 'X'
	m.Items()[0].Value[0] = 'X'
	m.Do(0, &kv.Request{Op: kv.Get{Key: "x"}}).Result.(kv.Item).Value[0] = 'X'
	require.Equal(t, "1", string(m.Items()[0].Value))
}
