// Package group runs the replicas of a demonstration: processes with disks of their own, each
// behind a front through which everybody else reaches it, so that links between replicas can be
// cut one way or both, while clients reach all of them.
//
//	group.go   where replicas are, how they start and end
//	front.go   what stands between a replica and whoever speaks to it
//	figure.go  what replicas tell of themselves
//
// A Group owns its fronts, and ends them with Close. Its processes and disks are the
// demo.Show's, which leaves neither behind.
//
// The package is for Unix systems.
package group
