package wire

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// A caller that is alone on its connection reads its reply itself: to be woken by the
// reading goroutine costs as much as the whole rest of a quick call. So that goroutine
// rests while there is one caller at a time that offers to read. Meanwhile nobody sees
// that the connection died: for restTime, or twice that.
const (
	helpTime    = 40 * time.Millisecond // a helper waits for the network no longer
	restTime    = 20 * time.Millisecond // after so long without offers the reading goroutine goes on
	soloReplies = 4                     // in a row are needed for it to rest
	slowReplies = 32                    // more are needed after a helper has waited in vain
)

// duty is the right to read a Client's connection. A reader that waits for it must not
// keep the time of a synctest bubble from passing, so it is no sync.Mutex.
type duty struct {
	taken  chan struct{} // of capacity 1: holds a token while somebody reads
	solo   bool          // taken's: for some time there was no more than one call at a time
	err    error         // taken's: why nobody can read any more; for the reading goroutine to tell
	wanted chan struct{} // of capacity 1: calls the reading goroutine back
	offers atomic.Uint64 // calls of Help
	seen   uint64        // of those, by the reading goroutine
}

func (d *duty) init() { d.taken, d.wanted = make(chan struct{}, 1), make(chan struct{}, 1) }

func (d *duty) take() { d.taken <- struct{}{} }

func (d *duty) leave() { <-d.taken }

// tryTake takes the duty if nobody has it.
func (d *duty) tryTake() bool {
	select {
	case d.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// call ends a rest.
func (d *duty) call() {
	select {
	case d.wanted <- struct{}{}:
	default:
	}
}

// offered reports whether there was an offer since the last time it was asked.
func (d *duty) offered() bool {
	before := d.seen
	d.seen = d.offers.Load()
	return d.seen != before
}

// readAll hands out replies until reading ends, and returns why.
func (c *Client) readAll() error {
	c.duty.take()
	defer c.duty.leave()
	asked := false // whether the server is there, since the last frame
	for {
		err := c.readOne()
		switch {
		case err == nil:
			asked = false
			c.rest()
		case !errors.Is(err, errIdle):
			return err
		case asked:
			return broken(err)
		default:
			asked = true
			c.ping()
		}
	}
}

// readOne hands out one reply. Who calls it is on duty.
func (c *Client) readOne() error {
	if c.duty.err != nil {
		return c.duty.err
	}
	frame, err := c.in.next()
	switch {
	case errors.Is(err, errIdle):
		return err
	case err != nil:
		return broken(err)
	}
	err = c.deliver(frame)
	if !c.in.ready() {
		c.opts.Told()
	}
	return err
}

func (c *Client) ping() {
	c.queue.Lock()
	c.seq++
	c.owed.Add(1)
	c.queue.buf = appendRequest(c.queue.buf, c.seq, pingMethod, nil)
	c.queue.unlockAndWake()
}

// Help lends the calling goroutine to the Client while it waits for something that a
// call of Start will bring: if nobody else reads, it reads replies, and calls what is
// to be told, until done holds a token. It may return before that, and does so when
// nothing has come for forty milliseconds.
func (c *Client) Help(done <-chan struct{}) {
	c.duty.offers.Add(1)
	if !c.duty.tryTake() {
		return
	}
	runtime.Gosched() // where much goes on, the reply is there afterwards, and nobody waits
	c.in.idle = helpTime
	for len(done) == 0 && c.Owed() > 0 {
		err := c.readOne()
		if errors.Is(err, errIdle) {
			c.slow()
			break
		}
		if err != nil {
			c.duty.err = err
			break
		}
	}
	c.in.idle = c.opts.Idle
	over := c.duty.err != nil
	c.duty.leave()
	if over || c.Owed() > 0 {
		c.duty.call()
	}
}

// Owed returns the number of requests whose replies have not come.
func (c *Client) Owed() int { return int(c.owed.Load()) }

// slow takes note that waiting for a reply is not worth a caller's while.
func (c *Client) slow() {
	c.queue.Lock()
	defer c.queue.Unlock()
	c.alone = -slowReplies
}

// rest lets callers read for themselves, if they are likely to. Who calls it is on
// duty, and so again when it returns.
func (c *Client) rest() {
	if !c.duty.solo || c.in.ready() || !c.duty.offered() {
		return
	}
	c.duty.leave()
	defer c.duty.take()
	if c.Owed() > 0 { // its caller may have found us on duty just now
		return
	}
	timer := time.NewTimer(restTime)
	defer timer.Stop()
	for {
		select {
		case <-c.duty.wanted:
			return
		case <-timer.C:
			if !c.duty.offered() {
				return
			}
			timer.Reset(restTime)
		}
	}
}
