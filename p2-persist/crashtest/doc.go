// Package crashtest holds no code of its own: its tests crash, starve and damage what
// stage 2 keeps in a directory (blobs, heads and a log together), through the interfaces
// that programs use, and demand the promise of the stage:
//
//   - What was acknowledged is there, with the bytes that were written.
//   - What was not is there as a whole or not at all: no head without its whole tree, no
//     branch without its whole past.
//   - Whoever opens the directory twice finds the same twice, also if it crashes while it
//     opens it.
//   - What the disk has damaged is reported, and never served as something else.
//   - No name, wherever it comes from, leads out of the directory.
//
// Each part has tests of the same kind for what is its own; here they meet.
//
// Short runs are crashed at every moment, with every pair of calls that may fail. Long ones
// are drawn, with a few thousand states. More of them:
//
//	go test ./p2-persist/crashtest -args -states 100000
package crashtest
