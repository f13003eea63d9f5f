// Package kvtest is the judge that visits every stage's Store.
//
// [Run] asks the Store what it offers, tests exactly that, and tests that what is
// not offered is refused. The judged Store may live in a pretended world: the
// suite starts no goroutine, reads no clock and sets no deadline; all concurrency
// and time go through a [World].
//
// Expectations come from two places: answers of one caller after another are
// compared with [check.Model], histories of many callers are judged by package
// check. Where the door leaves an answer open (the Left of a lease, the order of
// events of one revision, More beside CountOnly) the suite takes every reading.
//
// # Weak stores
//
// Below Linearizable the cases that compare with the Model are run by one caller
// who echoes its Token, and at Eventual the world settles after each write.
//
// # Programs
//
// To a Store that offers CapTentative the suite sends guarded writes with the programs
// [ProgramFree] and [ProgramNext], in the Starlark of stage 3. A store that runs none can
// know them by their text; it refuses all others.
//
// # Replay
//
// Random choices come from one seed, printed with each failure. The flag
// -kvtest.seed or the variable KVTEST_SEED sets it; -kvtest.ops or KVTEST_OPS sets
// how many operations a random case does.
package kvtest
