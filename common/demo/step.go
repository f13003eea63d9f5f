//go:build unix

package demo

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	redraw    = 100 * time.Millisecond // of the live line
	plainLine = 5 * time.Second        // between two lines without a terminal
)

// Step is a part of a show that takes a while. Add is safe for concurrent use.
type Step struct {
	screen *screen
	name   string
	total  int64
	unit   string
	began  time.Time
	done   atomic.Int64

	once    sync.Once
	quit    chan struct{} // ends the goroutine that draws
	running sync.WaitGroup
	took    time.Duration // set by stop
}

// Begin starts a step that counts up to total of some unit, in the plural: "keys".
// A total of 0 means that it is not known. A step that still runs is ended first.
func (s *Show) Begin(name string, total int64, unit string) *Step {
	t := &Step{screen: s.screen, name: name, total: total, unit: unit, began: time.Now(), quit: make(chan struct{})}
	s.mu.Lock()
	before, ended := s.step, s.ended
	s.step = t
	s.mu.Unlock()
	switch {
	case ended:
		t.stop()
	case before != nil:
		before.End()
		fallthrough
	default:
		t.running.Go(t.draw)
	}
	return t
}

// Add counts n more.
func (t *Step) Add(n int64) { t.done.Add(n) }

// Count returns how many there were so far.
func (t *Step) Count() int64 { return t.done.Load() }

// End ends the step, prints how long it took, and returns its rate in words, such
// as "12.3k keys/s", for a row of the table. Later calls print nothing.
func (t *Step) End() (rate string) {
	if t.stop() {
		t.screen.print(fmt.Sprintf("%s: %s in %s, %s", t.name, t.amount(), brief(t.took), t.rate(t.took)))
	}
	return t.rate(t.took)
}

// Took returns how long the step took; 0 before End.
func (t *Step) Took() time.Duration {
	select {
	case <-t.quit:
		return t.took
	default:
		return 0
	}
}

// stop ends drawing. It returns true the first time.
func (t *Step) stop() (first bool) {
	t.once.Do(func() {
		first = true
		t.took = time.Since(t.began)
		close(t.quit)
		t.running.Wait()
		t.screen.show("")
	})
	return first
}

func (t *Step) draw() {
	every := plainLine
	if t.screen.terminal {
		every = redraw
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-tick.C:
		}
		if t.screen.terminal {
			t.screen.show(t.line())
		} else {
			t.screen.print(t.line())
		}
	}
}

// line tells how far the step is.
func (t *Step) line() string {
	took, done := time.Since(t.began), t.done.Load()
	parts := []string{t.amount(), t.rate(took)}
	if t.total > 0 && done > 0 && done < t.total {
		left := time.Duration(float64(took) * float64(t.total-done) / float64(done))
		parts = append(parts, brief(left)+" left")
	}
	return t.name + ": " + strings.Join(parts, ", ")
}

func (t *Step) amount() string {
	done := t.done.Load()
	if t.total > 0 {
		return fmt.Sprintf("%d of %d %s (%d %%)", done, t.total, t.unit, 100*done/t.total)
	}
	return fmt.Sprintf("%d %s", done, t.unit)
}

func (t *Step) rate(took time.Duration) string { return Rate(t.done.Load(), t.unit, took) }

// Rate returns how much of a unit there was in a second, with three digits:
// "12.3k keys/s".
func Rate(n int64, unit string, took time.Duration) string {
	if took <= 0 {
		return "– " + unit + "/s"
	}
	r, scale := float64(n)/took.Seconds(), ""
	for _, next := range []string{"k", "M", "G"} {
		if r < 999.5 {
			break
		}
		r, scale = r/1000, next
	}
	digits := 0
	switch {
	case r < 9.995:
		digits = 2
	case r < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%.*f%s %s/s", digits, r, scale, unit)
}

// brief rounds a duration to what people read.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
