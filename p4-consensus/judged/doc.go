// Package judged says what stage 4's judge demands of the parts of a submission: of its
// acceptors, proposers and learners, which agree on one value (steps p4.1 to p4.3), and of the
// windows that remember which commands were executed (p4.5).
//
// Everything of a submission runs in processes of its own (package judge): cmd/parts, a
// program of staff's around them, serves its machines a step at a time. All else is in the
// judge: the network, the clock, the disks, and the machines of the roles that are not being
// judged, which are staff's. So a step is judged by itself, whatever the others are worth.
//
//	schedules   worlds with all faults; the specification (package spec) reads every step
//	lives       the same, but each life of a machine is a process: only its disk goes on
//	searches    every run of a small world, then every run with a crash anywhere
//	answers     what a machine must say when it is told certain things
//
// The first three say what must never happen. That something happens at all is shown by
// schedules in which everybody must be answered at last, and by the answers.
//
// The log joins two stages and is in cmd/judge: the replica behind cmd/sim -pipe, and cmd/kvd.
package judged
