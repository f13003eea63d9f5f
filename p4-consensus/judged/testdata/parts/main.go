// Parts is what a submission's cmd/parts should not be: see package misbehave.
package main

import (
	"dss.example/common/judge/judgetest/misbehave"
	"dss.example/common/machine"

	"dss.example/p4-consensus/judged/watched"
	"dss.example/p4-consensus/paxos/single"
)

func main() {
	roles := map[string]*machine.Protocol{}
	for role, p := range single.Roles() {
		idle := misbehave.Idle(p)
		roles[role], roles[watched.Role(role)] = idle, watched.Protocol(role, idle)
	}
	misbehave.Main("p4.1", roles)
}
