// Sim is what a submission's cmd/sim should not be: see package misbehave.
package main

import (
	"dss.example/common/judge/judgetest/misbehave"

	"dss.example/p3-replication/world"
)

func main() {
	roles := world.Roles()
	for role, p := range roles {
		roles[role] = misbehave.Idle(p)
	}
	misbehave.Main("p3.9", roles)
}
