package loglettest

import (
	"slices"
	"sync"

	"dss.example/common/loglet"
)

// ledger is what appenders were told, by whom the log is judged afterwards. Bodies are never
// appended twice.
type ledger struct {
	mu    sync.Mutex // guards all below
	done  []item
	fates map[string]fate
	after map[string]string // in a batch: the body before
}

type fate uint8

const (
	never fate = iota + 1 // definitely not done
	maybe
	done
)

func newLedger() *ledger {
	return &ledger{fates: map[string]fate{}, after: map[string]string{}}
}

// write takes note of how an Append ended.
func (l *ledger) write(bodies []string, positions []loglet.Pos, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := maybe
	switch {
	case err == nil && len(positions) == len(bodies):
		end = done
	case loglet.Definite(err):
		end = never
	}
	for i, b := range bodies {
		l.fates[b] = end
		if end == done {
			l.done = append(l.done, item{positions[i], b})
		}
		if i > 0 {
			l.after[b] = bodies[i-1]
		}
	}
}

// acknowledged returns what is known to be in the log.
func (l *ledger) acknowledged() []item {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.done)
}

// judge compares the log with what appenders were told.
func (l *ledger) judge(s *subject, log []item) {
	at := map[string]loglet.Pos{}
	for _, it := range log {
		switch l.fates[it.body] {
		case 0:
			s.failf("the log holds %v, which nobody appended", it)
		case never:
			s.failf("the log holds %v, whose append was refused", it)
		}
		if first, twice := at[it.body]; twice {
			s.failf("the log holds %v at %d, too", it, first)
		}
		at[it.body] = it.pos
	}
	for _, it := range l.done {
		switch found := at[it.body]; found {
		case it.pos:
		case 0:
			s.failf("the log does not hold %v, whose append was answered", it)
		default:
			s.failf("the log holds %v at %d", it, found)
		}
	}
	for _, it := range log {
		if p := at[l.after[it.body]]; p > it.pos {
			s.failf("the log holds %v before %q, which came before it in its batch", it, l.after[it.body])
		}
	}
}
