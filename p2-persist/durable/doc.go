// Package durable makes a machine that keeps nothing into one that survives a crash:
// [Machine] saves every input that may change the machine inside it, and after a crash
// steps a new one through the same inputs again. It is a core: pure, without clock or
// goroutine.
//
// # The log is the truth
//
// A machine is a function of its inputs, so whoever has the inputs has the state:
//
//	Ask{put x 1} ──▶ Save{now, rand, put x 1}   the world holds the reply back
//	            └──▶ inside.Step ──▶ Reply{ok}  until what was saved is durable
//
//	after a crash:   Load{now, rand, put x 1} ──▶ inside.Step ──▶ nobody is told again
//
// Saved are commands that Config.Changes names, and what the machine inside sent to
// itself, which is how time reaches it. What only reads is not saved, but its answer
// waits for what was saved before it, as the world promises: nobody sees what a crash
// could undo.
//
// The first record ever saved is the machine's birth: whatever it makes of the random
// bits of its first step, it makes of the same ones again.
//
// # Time
//
// The machine inside lives by a clock of its own, which stands still while it is down:
// after a crash it goes on from the last time that was saved. A lease does not end
// because its server was away.
//
// What it had sent to itself is lost with the crash. On Ready, the beginning of each
// life, which is saved like any other input, it sets its timers anew.
//
// # Checkpoints
//
// The log would grow for ever, so somebody with a disk takes a [Snapshot] from time to
// time (the command [TakeSnapshot]), keeps it where it is safe, and says so ([Kept]):
// what was saved up to there is trimmed. A new Machine is given the newest snapshot that
// was kept, and skips what the log still has of before it. A snapshot that was taken and
// not kept is as if it had not been taken.
//
// # Damage
//
// If a record that is needed is damaged, or missing, the state is not known. The machine
// refuses everything then and says which record it was: it neither guesses nor forgets.
package durable
