// Package run is the real world: goroutines, a clock, sockets and fsync around
// the machines of package machine and the flows of package flow.
//
// An [Owner] gives one machine its inputs, one at a time, and obeys its Outs. A
// [Loop] does so in a goroutine, for a machine that saves; a [Lock] lets the
// goroutine that asks step a machine that saves nothing. A [Node] joins the loops
// of one node. [Flows] runs flows. Package recording keeps every input, so that a
// simulator can replay what happened here.
//
// # One Ask
//
// A goroutine calls [Loop.Ask] with a command. The command joins a bounded queue,
// or the answer is ErrOverloaded at once: then it was definitely not done.
//
// The loop empties the queue and works in rounds. For each input it reads the
// clock, now that the input has left its queue, takes 64 random bits, and steps
// the machine:
//
//	Ask{7, put} → Save{accept 7}, Send{accept → node 2, early}, Reply{…} later
//
// What the Out marks Early leaves before anything is durable. Its Save is
// appended to the stable.Log. The rest of the Out is held, and so is all of the
// next input's Out, although that one saves nothing: it may tell of what the
// first one saved. When every input of the round was stepped, the log is synced
// once for all of them (group commit: while one sync lasts, the next round's
// inputs gather), and the Outs that were held leave in the order of their steps,
// each one's sends before its replies. Trims follow.
//
// An envelope to oneself leaves with its Out as well. Without After it is the
// last input of the next round, and so the machine learns that what it saved is
// durable, or that all has come that was there. With After it is a timer.
//
// Here node 2's answer comes in by [Loop.Recv], the machine replies to Ask 7, and
// the goroutine that asked gets its Data: the value itself, not a copy, because
// Data is immutable.
//
// # When it goes wrong
//
// If the caller's context ends first, the machine gets Cancel{7} and the caller
// ErrUnknown: what was asked for may have happened or may still.
//
// If a sync fails, nobody knows what is on the disk. Nothing that was held
// leaves, every Ask that reached the machine ends in ErrUnknown, the others and
// all later ones in ErrStopped only, and nothing is tried again: the process
// should end and recover from the disk. A panic in Step and a Save without a log
// stop the machine in the same way. [Owner.Err] tells the cause.
//
// So errors.Is(err, ErrUnknown) tells the one case in which a command may have
// taken effect; every other error of Ask means that it did not.
package run
