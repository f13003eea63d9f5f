// Package house is the house rules of the workspace as a program: [Check] reads
// a tree and returns what breaks them. go test ./common/house runs it over the
// workspace, and over small wrong trees in testdata, which it must refuse.
//
// The rules, each with the name under which a [Finding] cites it:
//
//   - layout: the top level holds the five stages, common, and a few known files.
//   - module: go.work uses exactly the seven modules. A module requires another
//     one at v0.0.0 and replaces it by its directory, so that it builds without
//     go.work too; what it requires directly is approved, unless it stays outside
//     go.work, as the benchmarks do. Nothing requires or imports those.
//   - R1: a library of a stage imports the standard library, approved modules,
//     common, and its own module. Tests too.
//   - R2: only a stage's commands import earlier stages. Its cmd/kvd joins them in
//     one function, open, of at most 40 lines.
//   - R3: common imports no stage.
//   - R4: a core is pure. It imports from a short list; it has no go statement, no
//     channel, no select, no coroutine; every package-level variable is an error
//     or a table that is never written; it never meets the order of a map.
//   - R5: a flow blocks only on flow.Flow: no go statement, channel, sync, time,
//     context time-out or coroutine of its own.
//   - tests: a test neither sleeps nor skips.
//   - docs: every package and every exported name has a doc comment.
//   - size: files, functions and packages stay within their budgets ([Sizes]).
//   - text: no file names a machine's own paths or a module proxy, or leaves
//     work for later.
//
// # The order of a map
//
// A core may range over a map in no way; it ranges over
// slices.Sorted(maps.Keys(m)), or slices.SortedFunc with an order that is total
// on the keys. Where order truly cannot matter (all entries are deleted, summed,
// copied into another map) the line, or the one above it, says why:
//
//	for k := range m { //house:unordered every entry is deleted
//
// Test files of cores and flows are exempt from R4 and R5.
package house
