// Parts is what a submission's cmd/parts should not be: see package misbehave.
package main

import (
	"dss.example/common/judge/judgetest/misbehave"

	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/world"
)

func main() {
	roles := asked.Roles()
	roles[world.Role] = met.Protocol()
	for role, p := range roles {
		roles[role] = misbehave.Idle(p)
	}
	misbehave.Main("p3.1", roles)
}
