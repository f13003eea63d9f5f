// Package checkpoint keeps the states of a durable machine as trees of blobs: what did not
// change between two of them is stored once, the newest ones stay readable, and the log
// before the oldest of those can go.
//
// # The branch
//
// A checkpoint is a snapshot on the branch "checkpoints", so that it is found and read by
// the same means as a directory is. The branch is as long as checkpoints are kept. When it
// would be longer, its snapshots are written anew from the second oldest on, without the
// oldest one behind them, and the branch is set to the new row:
//
//	before   c1 ◄── c2 ◄── c3 ◄── checkpoints
//	after           c2' ◄── c3' ◄── c4 ◄── checkpoints
//
// A snapshot is some 200 bytes; the states under it are what they were. To c1, and to
// what c1 alone led to, nothing leads any more, and a collector gives it back.
//
// # The log
//
// The records behind the newest checkpoint are needed for recovery. Those before it, back
// to the oldest checkpoint that is kept, are needed by whoever reads an old revision
// (package past), and so the log is trimmed to there and no further; the machine that
// recovers does not see them ([Journal]). As long as the first checkpoint ever taken is
// kept, so is the whole log.
//
// # A large value
//
// A value of up to tree.MaxValue bytes stands in the tree; a larger one is a file that the
// tree links to.
package checkpoint
