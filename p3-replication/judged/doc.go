// Package judged says what stage 3's judge demands of the parts of a submission, and of its
// servers in worlds of the simulator (steps p3.1 to p3.8).
//
// Everything of a submission runs in processes of its own (package judge): cmd/parts, a program
// of staff's around them, serves them a step at a time. All else is in the judge: the network,
// the clock, the disks, and the servers that are not being judged, which are staff's.
//
//	answers   what a part must answer (package asked), beside what plain code comes to here
//	worlds    servers that have met before (package met), under all faults; the specification
//	          (package spec) reads every step
//	scenes    a few such servers, all the submission's, and a judge that decides
//	          who hears whom, asks as a client does, and looks at the answers
//
// Nothing here wants a message that the protocol does not: what servers tell each other is
// between them, as long as the specification allows it and what they answer is right. So a
// server that only asks, or only tells, or sends its state instead of writes, passes.
//
// Servers on empty disks, and those that people start, are in cmd/judge (p3.9).
//
//	checks.go    what every step must do
//	part.go      one part, that is asked
//	vectors.go   p3.1
//	order.go     p3.2
//	state.go     p3.3
//	worlds.go    many schedules of servers that have met
//	comparer.go  who waits until all answer alike
//	scene.go     three servers, and what clients see of them
//	alone.go     scenes of p3.4, entropy.go of p3.5, commit.go of p3.6, session.go of p3.7,
//	             disk.go of p3.8
package judged
