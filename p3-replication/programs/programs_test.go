package programs_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/procedure"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/vector"
)

const merge = `def merge(db, update):
    for c in update:
        db.put("was/" + c.key, "nothing" if c.delete else c.value)
    db.delete("old")
`

func TestWritesOfAServerRunTheirPrograms(t *testing.T) {
	s := state.New(programs.New())
	do := func(time uint64, w proto.Write) state.Effect {
		w.ID, w.Kind = vector.Stamp{Time: time, Server: vector.Root}, proto.Update
		return s.Do(&w)
	}
	update := []proto.Change{{Key: "a", Value: []byte("1")}, {Key: "b", Delete: true}}
	require.Equal(t, state.Applied, do(1, proto.Write{Update: update, Check: `db.get("a") == None and update[0].value == "1"`, Merge: merge}).Fate)
	require.Equal(t, state.Merged, do(2, proto.Write{Update: update, Check: `db.get("a") == None`, Merge: merge}).Fate)
	require.Equal(t, state.Unresolved, do(3, proto.Write{Update: update, Check: `1`}).Fate)

	held := map[string]string{}
	for key, item := range s.Items(state.Full, "", "", false) {
		held[key] = string(item.Value)
	}
	require.Empty(t, cmp.Diff(map[string]string{"a": "1", "was/a": "1", "was/b": "nothing"}, held))
	for c := range s.Conflicts(state.Full, vector.Stamp{}) {
		require.Contains(t, c.Text, "it answered int: True or False is wanted")
	}
}

func TestWhatCannotRunIsRefusedBeforeItIsAWrite(t *testing.T) {
	p := programs.New()
	require.NoError(t, p.Validate("", ""))
	require.NoError(t, p.Validate("True", merge))
	require.ErrorIs(t, p.Validate("True and", merge), procedure.ErrRefused)
	err := p.Validate("True", "print(1)")
	require.ErrorIs(t, err, procedure.ErrRefused)
	var refused *procedure.Error
	require.True(t, errors.As(err, &refused))
	require.Equal(t, "merge procedure", refused.Role)
	require.ErrorIs(t, p.Validate(merge, merge), procedure.ErrRefused, "a merge procedure is no check")
}
