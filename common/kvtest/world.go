package kvtest

import (
	"runtime"
	"sync"
	"time"

	"dss.example/common/kv"
)

// World is where a store under judgement lives. Sleep, Now and the stores may be
// used by the callers of Parallel; Parallel, Settle and Close may not.
type World interface {
	// Store returns the store as one client sees it: a connection of its own, at
	// stages with several servers to a server of its own. It is the same each
	// time. Clients are numbered from 0; the suite uses fewer than MaxClients.
	Store(client int) kv.Store

	// Parallel calls fn(0) to fn(n-1) at the same time and returns when all have.
	Parallel(n int, fn func(i int))

	// Now reads the world's clock: the one that leases and waits are counted by.
	Now() time.Duration

	// Sleep lets d of the world's time pass, and what is due by then happen or be
	// under way.
	Sleep(d time.Duration)

	// Settle heals whatever is cut and lets replicas exchange until all is quiet.
	Settle()

	// Close ends the world and waits for all that runs in it.
	Close()
}

// MaxClients bounds the numbers that World.Store is asked for.
const MaxClients = 16

// LocalWorld is a World of goroutines around a real Store. Make one with Local; the
// functions may be set before it is used.
type LocalWorld struct {
	OnSettle func() // what Settle does; nil does nothing
	OnClose  func() // what Close does; nil does nothing

	open  func(client int) kv.Store
	sleep func(time.Duration)

	mu     sync.Mutex // protects following
	now    time.Duration
	stores map[int]kv.Store
}

// Local makes a World around the Stores that open returns. Sleep advances the
// clock that they live by; nil means that they live by none.
func Local(open func(client int) kv.Store, sleep func(d time.Duration)) *LocalWorld {
	return &LocalWorld{open: open, sleep: sleep, stores: map[int]kv.Store{}}
}

// Store opens a client's store the first time.
func (w *LocalWorld) Store(client int) kv.Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stores[client] == nil {
		w.stores[client] = w.open(client)
	}
	return w.stores[client]
}

// Parallel runs a goroutine for each caller.
func (w *LocalWorld) Parallel(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}

// Now returns the sum of all sleeps.
func (w *LocalWorld) Now() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Sleep advances the clock and lets other goroutines run.
func (w *LocalWorld) Sleep(d time.Duration) {
	if w.sleep != nil {
		w.sleep(d)
	}
	w.mu.Lock()
	w.now += d
	w.mu.Unlock()
	runtime.Gosched()
}

// Settle calls OnSettle.
func (w *LocalWorld) Settle() {
	if w.OnSettle != nil {
		w.OnSettle()
	}
}

// Close calls OnClose.
func (w *LocalWorld) Close() {
	if w.OnClose != nil {
		w.OnClose()
	}
}
