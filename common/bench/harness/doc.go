// Package harness runs the benchmarks of one stage: ours and its peers in turn,
// under the same load, on the same machine, within one run.
//
// A [Stage] is a table: systems, loads, bars. A later stage adds a package with
// such a table and its peers, and no code here.
//
// # What is compared
//
// Machines that are shared or throttled change their speed from minute to minute,
// so no figure means anything by itself. Rounds are interleaved: every round visits
// every cell (a load and a number of callers), and in a cell every system, next to
// each other in time, each round beginning with another one. What is reported is the
// ratio of the medians over all rounds, and beside it the smallest and the largest
// ratio that one round gave. A bar that the ratio does not reach is SHORT, and a
// system that could not be measured is named with the reason.
//
// # A turn
//
// Servers run as processes of their own from the beginning to the end. The driver
// of a turn is a process of its own too, ours or a peer's, which fills the keys,
// warms up, measures, and prints a [load.Report]. It says when it began and ended to
// measure; the harness has meanwhile read the servers' processor clocks every few
// milliseconds, so that their share is that of the measured time only. Where a load
// has no server (Load.Embedded) the driver is all that is measured: it embeds a store, or
// starts programs.
//
// Whatever ends a run, an interrupt or even a kill, no process is left behind; nor,
// short of a kill, any file but the results.
package harness
