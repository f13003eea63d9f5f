package main

import (
	"fmt"
	"time"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/head"
)

// scripted is the world of golden scripts: that of stage 1, with a server that remembers
// four changes by itself, and a shelf beside it where checkpoints are kept. The command
// "checkpoint" takes one.
func scripted() script.World {
	w := world.Script(session.ExactlyOnce)
	w.Config.Nodes[0] = sim.Node{ID: world.Server().Node, Roles: []sim.Role{
		{Name: world.RoleTable, Protocol: newShelf().protocol(), Config: table.Config{HistoryEvents: 4}.AppendTo(nil)},
	}}
	request := w.Command
	w.Command = func(role string, words []string) (machine.Data, error) {
		if role == world.RoleTable && len(words) == 1 && words[0] == "checkpoint" {
			return durable.TakeSnapshot{}, nil
		}
		return request(role, words)
	}
	return w
}

// shelf keeps the last checkpoint of one script's server, on a disk that does not crash.
type shelf struct{ keeper *checkpoint.Keeper }

func newShelf() shelf {
	blobs := blob.NewMemory()
	heads, err := head.Open(disk.FS{Disk: disk.NewMemory()}, "heads", blobs)
	if err == nil {
		var keeper *checkpoint.Keeper
		if keeper, err = checkpoint.Open(blobs, heads, 1); err == nil {
			return shelf{keeper}
		}
	}
	panic(fmt.Sprintf("a new disk in memory has failed: %v", err))
}

// protocol is that of the server, which begins each life with the newest checkpoint.
func (s shelf) protocol() *machine.Protocol {
	p := *protocol()
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		c, err := inside(self, config)
		if err != nil {
			return nil, err
		}
		if c.From, err = s.keeper.Newest(); err != nil {
			return nil, err
		}
		m, err := durable.New(c)
		return &shelved{m, s.keeper}, err
	}
	return &p
}

// shelved is a server that has its checkpoints kept. Here that takes no time: a real server
// goes on meanwhile.
type shelved struct {
	*durable.Machine
	keeper *checkpoint.Keeper
}

// Step implements machine.Machine.
func (m *shelved) Step(in machine.In, out *machine.Out) {
	ask, ok := in.Event.(machine.Ask)
	if _, takes := ask.Cmd.(durable.TakeSnapshot); !ok || !takes {
		m.Machine.Step(in, out)
		return
	}
	var taken machine.Out
	m.Machine.Step(in, &taken)
	t, ok := taken.Reply[0].Data.(durable.Taken)
	if !ok || t.Refused != "" {
		out.Answer(ask.ID, taken.Reply[0].Data)
		return
	}
	if _, err := m.keeper.Save(t, time.Unix(0, int64(in.Now))); err != nil {
		out.Answer(ask.ID, durable.Mark{Refused: err.Error()})
		return
	}
	if seq := m.keeper.Needless(); seq > 0 {
		in.Event = machine.Ask{ID: ask.ID, Cmd: durable.Kept{Seq: seq}}
		m.Machine.Step(in, out)
		return
	}
	out.Answer(ask.ID, t.Mark)
}
