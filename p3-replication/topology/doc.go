// Package topology makes the distances between servers visible to those who choose among them: how
// far the others are, which is the nearest, with whom to gossip, and by which way to tell all.
//
//	map.go        zones and the round-trip times between them; where servers are
//	spatial.go    partners of anti-entropy and gossip: all alike, or the near ones more often
//	distances.go  what a server answers to kv.Probe
//	near.go       a server whose partners are chosen by what its node measures
//
//	proto/        what the machines say
//	probe/        a machine that measures: round-trip times, the nearest, who is there
//	overlay/      a machine that tells all, by a tree of the shortest links that repairs itself
//
// # Distances that are told, and such that are measured
//
// A [Layout] says where servers are by a [Map] of zones. The simulator takes its latencies from it
// (sim.Config.Latency), and partners can be chosen by it without measuring anything.
//
// A probe.Probe measures. A shell runs it beside the servers of its node, under one role on all
// nodes, and asks it proto.Look, or takes what a [Near] was told: for kv.Probe it answers with
// [Distances] of the proto.Sight. When a Sight has a place that is new, the shell makes its address
// known to the transport: that is how a server joins which knows only one other. Package replica
// is such a shell, but for one thing: there births tell who is there, and the probe only how far.
//
// # Who is told
//
//	bayou.Config.Partner   Layout.Partner, or a Near of what is measured
//	gossip.Config.Weights  Layout.Weights
//	to all, at once        overlay.Overlay
//
// cmd/overlay shows trees and epidemics side by side: time, messages, and what is lost when a
// server dies.
package topology
