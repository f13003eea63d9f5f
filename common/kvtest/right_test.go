package kvtest_test

import (
	"testing"

	"dss.example/common/kv"
	"dss.example/common/kvtest"
)

func TestRightStoresPass(t *testing.T) {
	linear := strong
	linear.Level = kv.Linearizable
	for name, caps := range map[string]kv.Caps{
		"strictly serializable, with everything": strong,
		"linearizable, with everything":          linear,
		"linearizable, with nothing":             {Level: kv.Linearizable},
		"linearizable, versions without order":   {Level: kv.Linearizable, Has: kv.CapAppend | kv.CapCompare | kv.CapSessions},
		"linearizable, sessions only":            {Level: kv.Linearizable, Has: kv.CapSessions},
	} {
		t.Run(name, func(t *testing.T) {
			kvtest.Run(t, func(testing.TB) kvtest.World {
				c := newClock()
				return one(c, newToy(c, caps))
			}, caps)
		})
	}
	t.Run("prefix", func(t *testing.T) {
		kvtest.Run(t, func(testing.TB) kvtest.World { return newLagging().world(same) })
	})
	t.Run("session, with tentative writes", func(t *testing.T) {
		kvtest.Run(t, func(testing.TB) kvtest.World { return newTentative().world(same) })
	})
	t.Run("eventual, with tentative writes", func(t *testing.T) {
		kvtest.Run(t, func(testing.TB) kvtest.World {
			g := newTentative()
			g.level = kv.Eventual
			return g.world(same)
		})
	})
	t.Run("session", func(t *testing.T) {
		kvtest.Run(t, func(testing.TB) kvtest.World { return newGroup(kv.Session).world(same) })
	})
	t.Run("eventual", func(t *testing.T) {
		kvtest.Run(t, func(testing.TB) kvtest.World { return newGroup(kv.Eventual).world(same) })
	})
}
