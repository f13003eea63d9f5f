// Package sim is the pretended world: one goroutine and one seed drive machines
// and flows through time, loss, delay, partitions, pauses and crashes, and the
// same seed gives the same run, on any machine.
//
// # A world
//
// A [Config] names nodes; each node has roles, each role a machine (or flows, made
// a machine by package flow). Clients ask. A [World] is a bag of what may happen
// next: a message may arrive, a timer fire, a disk finish its sync, a client ask, a
// fault strike. One of two schedulers picks: Timed in order of virtual time,
// Untimed at random, which reaches interleavings that no latency would.
//
// What happened to a machine is a step: an input went in, an Out came out. The
// world obeys Outs as machine.Machine promises (save, then send, then reply); every
// message travels as its bytes and is decoded afresh by its receiver, so nobody
// shares memory. All steps go into one hash: equal hashes mean equal runs.
//
// # Faults
//
// [Faults] gives an upper bound to each kind of fault; each seed draws its own
// rates below them and leaves some kinds out (swarm testing), because a constant
// rain of everything hides what one kind alone would show. [Stats] counts what
// really occurred.
//
// A disk that fails stops its node: what it had told a caller is durable, of the rest
// nobody knows. A disk may also lose what was durable, which a machine is told: by
// Ready, that the disk is empty, or by Load, that a record is damaged. No protocol has to
// survive that unless it says so, hence AllFaults leaves it out.
//
// # Judges
//
// A [Judge] sees the steps and nothing else: never a field of a machine. Safety is
// judged after each step and at the end; liveness in runs of its own, where all
// faults end and every request must then be answered within a stated time.
//
// # When a run fails
//
// The run is repeated with recording on, which gives the list of its actions, each
// named by its content: "deliver this message to that machine". Shrinking takes
// actions out and replays the rest (an action that is no longer possible is passed
// over) until nothing more can go. Messages may be late for ever, so every sublist
// is a legal run.
//
// # Elsewhere
//
// The machines may live in another process: see [Pipe] and [ServePipe]. Package
// explore tries all schedules instead of many; package script writes one by hand.
package sim
