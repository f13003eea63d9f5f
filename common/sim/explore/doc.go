// Package explore searches every run of a small protocol: every order of
// delivery, every loss and duplication, optionally every crash. It needs nothing
// of a machine but Step; no state is cloned or hashed by the protocol itself.
//
// # Worlds
//
// A world is one local state for each [Place], the set of messages ever sent, and
// how much of the allowance (asks, crashes, timers) is used up. Messages are never
// taken out of the set and any of them may arrive at any time: that one rule
// covers delay, loss (it never arrives), duplication and reordering.
//
// A local state is known by its dump (package dump), and stepped once for each
// input. To step it again, the history that first led there is replayed on a fresh
// machine. So a search of a hundred thousand worlds takes a few hundred steps of
// the protocol, and a machine in another process can be searched too: [Live] is
// all that must cross the border.
//
// The search is breadth-first: the path of a [Violation] is as short as any.
//
// # What is judged
//
// [Config].Invariant sees a [World]: what was sent, saved and answered, never a
// field of a machine. The search adds the contract of package machine: no panic,
// no note "violated", nothing saved or sent that its reader cannot decode, no
// answer to what was not asked, the same Outs for the same history.
//
// # What is not searched
//
//   - Time passes at a node only when a timer of its own fires, the earliest first.
//   - In.Rand is one constant for each place.
//   - An envelope to oneself without After arrives once, in order of sending, and
//     is lost by a crash. A timer, too, fires once.
//   - A crash and the restart are one action. It may interrupt one step, so that
//     only some of its records are saved and only Early messages have left; records
//     of earlier steps are durable. Losing several steps of a group commit is for
//     package sim.
//   - Damaged records, Link hints and Cancel are for package sim.
//
// # Verdict
//
// A search that stopped early has not shown anything: [Result.Err] is nil only
// when every world was visited and none is wrong.
package explore
