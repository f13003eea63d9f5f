// Package exam runs the tests of a stage's steps, and proves a stage's ladder.
//
// # Checks
//
// A step's tests are a list of checks: a top-level test of Go, a golden script, or a
// number of schedules of the stage's simulator. A step's points are shared equally by
// its checks. [Run] first asks go vet, then tries unit tests, scripts, schedules, and
// tests of real processes, in this order, which is also that of their cost.
//
// # What counts as passed
//
// Programs are built once a tree; each top-level test runs in a process of its own,
// so that the panic of an unwritten function fails its own test and no other. Exit
// code 0 is not enough: the test's own PASS line must be there, a script must have
// printed itself, and a simulator its hash. A test that does not exist, that was
// skipped, or whose process left early has not passed.
//
// Tests that start programs find a folder in DSS_PROGRAMS, and may put there what they
// have built for those that come after them. It belongs to one tree, built in one way,
// and is empty at first: nothing in it can be older than what is tried.
//
// The tested code shares a process with its test and could forge all of that. Here
// that only cheats its author: what counts for a grade is said by a stage's judge,
// see dss.example/common/judge.
//
// # Bounds
//
// Of what a process prints, half a MiB from its beginning and as much from its end
// are kept, and control characters never reach the terminal. Whatever is started runs
// in a process group of its own that is killed when its time, or the caller's
// context, is over; its temporary files lie in a folder that [Room.Close] removes.
package exam
