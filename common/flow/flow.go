// Package flow states what sequential protocol code may block on.
//
// What is by nature a sequence of calls (a log client, a transaction, a
// collector) is written as plain blocking code over a [Flow]. Under run each flow
// is a goroutine; under sim it is a coroutine that [Machine] makes a machine, so
// the same code is replayed, crashed and searched like any other.
package flow

import (
	"errors"

	"dss.example/common/machine"
)

// Flow is the world as one thread of sequential code sees it. A Flow belongs to
// the function it was given to and must not be handed to another thread: Go gives
// each new thread its own.
//
// When the node stops or crashes, or whoever waits for the flow gives up, no
// blocking method returns: the thread is unwound as by runtime.Goexit. Deferred
// functions run and must not block.
type Flow interface {
	// Now reads the node's monotonic clock.
	Now() machine.Time

	// Rand returns 64 random bits.
	Rand() uint64

	// Sleep blocks for d.
	Sleep(d machine.Time)

	// Call asks the machine or flow at to and returns its answer. It sends cmd
	// once. ErrNoAnswer means that none came in time: whether the command was or
	// will be executed is unknown. within must be positive.
	Call(to machine.Addr, cmd machine.Data, within machine.Time) (machine.Data, error)

	// Go starts fn as another thread of the same node. A thread must be waited
	// for by the one that started it.
	Go(fn func(Flow)) Task

	// NewMutex returns an unlocked mutex for the threads of this node. Waiting
	// threads get it in order of arrival.
	NewMutex() Mutex
}

// Task is a thread that was started by Go.
type Task interface {
	// Wait blocks f's thread until the task has ended.
	Wait(f Flow)
}

// Mutex excludes threads of one node from each other. It may be held over a
// blocking call, which is legal and seldom wise.
type Mutex interface {
	Lock(f Flow)
	Unlock()
}

// ErrNoAnswer means that a call was sent and no answer came in time. The outcome
// is unknown.
var ErrNoAnswer = errors.New("no answer in time: outcome unknown")

// All runs the functions as threads at the same time and returns when all have
// ended.
func All(f Flow, fns ...func(Flow)) {
	tasks := make([]Task, len(fns))
	for i, fn := range fns {
		tasks[i] = f.Go(fn)
	}
	for _, t := range tasks {
		t.Wait(f)
	}
}
