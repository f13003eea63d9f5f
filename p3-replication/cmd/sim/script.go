package main

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/script"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
	"dss.example/p3-replication/world"
)

// roles are those of the worlds, and those under which kvd records.
func roles() map[string]*machine.Protocol {
	all := world.Roles()
	maps.Copy(all, replica.Roles(bayou.Config{Programs: programs.New}))
	return all
}

// scripted is the world of golden scripts.
func scripted() script.World {
	return script.World{Config: world.Scripted(), Command: command}
}

// command reads a request in words. Beside those of stage 1 there are, of a server:
//
//	stable COMMAND…                         of what is stable
//	guard CHECK put K V [or MERGE]          in the tiny language of package world
//	conflicts · members · inspect · retire N · transfer N
func command(_ string, words []string) (machine.Data, error) {
	if words[0] == "stable" && len(words) > 1 {
		data, err := command("", words[1:])
		if req, ok := data.(*kv.Request); ok {
			req.Level = kv.Prefix
		}
		return data, err
	}
	op, err := tentative(words)
	if op != nil || err != nil {
		return &kv.Request{Op: op}, err
	}
	return script.KV(words)
}

// tentative reads what only this stage offers; nil if it is something else.
func tentative(words []string) (kv.Op, error) {
	switch words[0] {
	case "conflicts":
		return kv.Conflicts{}, nil
	case "members":
		return kv.Members{}, nil
	case "inspect":
		return kv.Inspect{}, nil
	case "stat":
		return kv.Stat{}, nil
	case "retire", "transfer":
		id, err := strconv.ParseUint(strings.Join(words[1:], " "), 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%s: want the number of a node", strings.Join(words, " "))
		}
		if words[0] == "retire" {
			return kv.Change{Remove: kv.ReplicaID(id)}, nil
		}
		return kv.Transfer{To: kv.ReplicaID(id)}, nil
	case "guard":
		return guard(words[1:])
	}
	return nil, nil
}

func guard(words []string) (kv.Op, error) {
	if len(words) != 4 && len(words) != 6 || words[1] != "put" || len(words) == 6 && words[4] != "or" {
		return nil, fmt.Errorf("guard %s: want guard CHECK put K V, or MERGE perhaps", strings.Join(words, " "))
	}
	op := kv.Guarded{If: words[0], Then: []kv.Op{kv.Put{Key: words[2], Value: []byte(words[3])}}}
	if len(words) == 6 {
		op.Else = words[5]
	}
	return op, nil
}
