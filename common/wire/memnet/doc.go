// Package memnet is a network in memory, for tests: connections with buffers, so
// that a write waits only when the far side has not read for long, with
// deadlines, half-close and listeners under names.
//
// Everything in it blocks on condition variables and channels only, so it works in the bubble
// of testing/synctest, whose clock then rules its deadlines.
package memnet
