package main

import (
	"fmt"
	"strconv"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/script"

	"dss.example/p4-consensus/cmd/sim/worlds"
)

// scripted is the world of golden scripts: three replicas whose group has formed, and stage
// 1's clients. Replica 1 looks at what is due each
// second, replica 2 every two, and so on, so that a script says who seeks to lead: after a
// second without a leader it is replica 1.
//
// Beside the requests of stage 1, which may stand at any replica, an operator's are asked:
//
//	members · inspect · transfer N · change add N · change remove N · change N for OLD
func scripted() script.World {
	k := worlds.Usual()
	cfg := k.World()
	cfg.Judges = nil // what is to happen is written in the script
	for i := range k.Replicas {
		c := k.Settings()
		c.Heartbeat = machine.Time(i+1) * machine.Second
		c.Election = c.Heartbeat * 2 / 5
		r := &cfg.Nodes[i].Roles[0]
		r.Protocol, r.Config = formed(worlds.Language().Protocol(), k, nil), c.AppendTo(nil)
	}
	return script.World{Config: cfg, Command: command}
}

// command reads a request in words.
func command(at string, words []string) (machine.Data, error) {
	if at == worlds.Role {
		if op, err := operator(words); op != nil || err != nil {
			return &kv.Request{Op: op}, err
		}
	}
	return script.KV(words)
}

// operator reads what an operator asks; nil if it is something else.
func operator(words []string) (kv.Op, error) {
	arg := func(i int) (id kv.ReplicaID) {
		if i < len(words) {
			n, _ := strconv.ParseUint(words[i], 10, 64) // 0 is refused below
			id = kv.ReplicaID(n)
		}
		return id
	}
	var op kv.Op
	switch words[0] {
	case "members":
		return kv.Members{}, nil
	case "inspect":
		return kv.Inspect{}, nil
	case "transfer":
		op = kv.Transfer{To: arg(1)}
	case "change":
		op = changeOf(words, arg)
	default:
		return nil, nil
	}
	if bad := kv.Check(&kv.Request{Op: op}); bad != nil {
		return nil, fmt.Errorf("%s; want transfer N, change add N, change remove N or change N for OLD", bad.Detail)
	}
	return op, nil
}

func changeOf(words []string, arg func(int) kv.ReplicaID) kv.Change {
	switch {
	case len(words) == 3 && words[1] == "add":
		return kv.Change{Add: arg(2)}
	case len(words) == 3 && words[1] == "remove":
		return kv.Change{Remove: arg(2)}
	case len(words) == 4 && words[2] == "for":
		return kv.Change{Add: arg(1), Remove: arg(3)}
	}
	return kv.Change{}
}
