package loglettest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"dss.example/common/loglet"
)

var wrongRaces = []wrong{
	{"stores an append twice now and then", "appends of many clients stand once, each client's in order", func(t *twin) {
		var c counter
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if c.every(17) {
				_, _ = t.Memory.Append(ctx, bodies)
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"loses an entry now and then", "appends of many clients stand once, each client's in order;random calls do what a list would do;readers see what was appended, and never see it change", func(t *twin) {
		t.without(func(e loglet.Entry) bool { return e.Pos%31 == 0 })
	}},
	{"fills a hole after it was read", "readers see what was appended, and never see it change", func(t *twin) {
		holes := gone{all: map[pos]bool{}}
		t.without(func(e loglet.Entry) bool { // what is read first is not there yet
			holes.mu.Lock()
			defer holes.mu.Unlock()
			was := holes.all[e.Pos]
			holes.all[e.Pos] = true
			return !was && e.Pos%5 == 0
		})
	}},
	{"tells old tails", "the tail never goes back;random calls do what a list would do", func(t *twin) {
		var c counter
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			if c.every(7) {
				b.Tail -= (b.Tail - b.Head) / 2
			}
			return b, err
		}
	}},
	{"takes some more after a seal", "appends that race with a seal are done or refused", func(t *twin) {
		var c counter
		t.seal = func(context.Context) error { return nil }
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Sealed = true
			return b, err
		}
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if c.every(3) {
				return nil, loglet.ErrSealed
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"stores what it refuses", "appends that race with a seal are done or refused;a sealed log takes nothing more and is still read", func(t *twin) {
		leaky(t)
	}},
	{"trims all that is there", "a trim that races with readers and appenders takes no more than it may", func(t *twin) {
		t.trim = func(ctx context.Context, _ pos) error {
			b, _ := t.Memory.Tail(ctx)
			return t.Memory.Trim(ctx, b.Tail)
		}
	}},
}

// leaky seals with a flag of its own, and lets what it refuses leak into the log.
func leaky(t *twin) {
	var mu sync.Mutex
	sealed := false
	t.seal = func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		sealed = true
		return nil
	}
	t.tail = func(ctx context.Context) (loglet.Bounds, error) {
		mu.Lock()
		defer mu.Unlock()
		b, err := t.Memory.Tail(ctx)
		b.Sealed = sealed
		return b, err
	}
	t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
		mu.Lock()
		defer mu.Unlock()
		positions, err := t.Memory.Append(ctx, bodies)
		if sealed {
			return nil, loglet.ErrSealed
		}
		return positions, err
	}
}

var wrongAnswers = []wrong{
	{"appends something of its own", "appends of many clients stand once, each client's in order", func(t *twin) {
		var c counter
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if c.every(20) {
				_, _ = t.Memory.Append(ctx, [][]byte{[]byte("a note")})
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"tells the position behind an entry", "appends of many clients stand once, each client's in order;a batch stands in its order", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			for i := range positions {
				positions[i]++
			}
			return positions, err
		}
	}},
	{"turns a batch round when in doubt", "appends of many clients stand once, each client's in order", func(t *twin) {
		var c counter
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if len(bodies) == 1 || !c.every(5) {
				return t.Memory.Append(ctx, bodies)
			}
			turned := slices.Clone(bodies)
			slices.Reverse(turned)
			_, _ = t.Memory.Append(ctx, turned)
			return nil, loglet.ErrMaybe
		}
	}},
	{"appends below a tail that it told", "appends of many clients stand once, each client's in order", func(t *twin) {
		t.read = t.tolerant
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Tail += 3
			return b, err
		}
	}},
	{"keeps the last entry from some", "readers see what was appended, and never see it change", func(t *twin) {
		t.odd = &twin{Memory: t.Memory, tail: func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			for b.Tail--; b.Tail > b.Head && !holds(t.Memory, b.Tail); b.Tail-- {
			}
			b.Tail = max(b.Tail, b.Head)
			return b, err
		}}
	}},
	{"moves the tail after the seal", "appends that race with a seal are done or refused", func(t *twin) {
		var c counter
		t.read = t.tolerant
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			if b.Sealed {
				b.Tail += pos(c.calls())
			}
			return b, err
		}
	}},
	{"tries again when in doubt, and is in doubt", "an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrMaybe) {
				_, _ = t.Memory.Append(ctx, bodies)
			}
			return positions, err
		}
	}},
	{"has an error of its own for doubt", "an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrMaybe) {
				return nil, errors.New("timed out")
			}
			return positions, err
		}
	}},
	{"stays in doubt", "an append that ends maybe stands once or never", func(t *twin) {
		var doubted atomic.Bool
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrMaybe) || doubted.Load() {
				doubted.Store(true)
				return nil, loglet.ErrMaybe
			}
			return positions, err
		}
	}},
	{"seems sealed when reopened", "a reopened log is what it was", func(t *twin) {
		reopened := false
		t.reopen = func() { reopened = true }
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Sealed = b.Sealed || reopened
			return b, err
		}
	}},
	{"passes over a damaged entry inside a page", "a damaged entry is told, and is not the end", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if _, broken := t.Memory.Read(ctx, p.Next, p.Next+1); err == nil && errors.Is(broken, loglet.ErrDamaged) && p.Next+1 < to {
				rest, _ := t.Memory.Read(ctx, p.Next+1, to)
				return page{Entries: append(p.Entries, rest.Entries...), Next: rest.Next}, nil
			}
			return p, err
		}
	}},
}

var wrongTroubles = []wrong{
	{"tries again when in doubt", "an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			for errors.Is(err, loglet.ErrMaybe) {
				positions, err = t.Memory.Append(ctx, bodies)
			}
			return positions, err
		}
	}},
	{"takes doubt for a refusal", "an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrMaybe) {
				return nil, loglet.ErrUnavailable
			}
			return positions, err
		}
	}},
	{"says done when in doubt", "an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrMaybe) {
				for b, _ := t.Memory.Tail(ctx); len(positions) < len(bodies); b.Tail++ {
					positions = append(positions, b.Tail)
				}
				return positions, nil
			}
			return positions, err
		}
	}},
	{"takes what is late after the seal", "a seal ends the doubt about appends", leaky},
	{"is empty in an outage", "an outage is told, and nothing is lost in it", func(t *twin) {
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			if errors.Is(err, loglet.ErrUnavailable) {
				return loglet.Bounds{Head: 1, Tail: 1}, nil
			}
			return b, err
		}
	}},
	{"loses the last entry when reopened", "a reopened log is what it was", func(t *twin) {
		last := pos(0)
		t.reopen = func() {
			b, _ := t.Memory.Tail(context.Background())
			for last = b.Tail - 1; !holds(t.Memory, last); last-- {
			}
		}
		t.without(func(e loglet.Entry) bool { return e.Pos == last })
	}},
	{"forgets the trim when reopened", "a reopened log is still trimmed", func(t *twin) {
		head := pos(1)
		t.reopen = func() { head = 1 }
		t.trim = func(_ context.Context, before pos) error {
			head = max(head, before)
			return nil
		}
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Head = head
			return b, err
		}
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			if from < head {
				return page{}, loglet.ErrTrimmed
			}
			return t.Memory.Read(ctx, from, to)
		}
	}},
	{"forgets the seal when reopened", "a reopened log is still sealed", func(t *twin) {
		sealed := false
		t.reopen = func() { sealed = false }
		t.seal = func(context.Context) error {
			sealed = true
			return nil
		}
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if sealed {
				return nil, loglet.ErrSealed
			}
			return t.Memory.Append(ctx, bodies)
		}
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Sealed = sealed
			return b, err
		}
	}},
	{"takes a damaged entry for none", "a damaged entry is told, and is not the end", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if errors.Is(err, loglet.ErrDamaged) {
				return page{Next: from + 1}, nil
			}
			return p, err
		}
	}},
	{"ends at a damaged entry", "a damaged entry is told, and is not the end", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			for at := pos(1); at <= from; at++ {
				if _, err := t.Memory.Read(ctx, at, at+1); errors.Is(err, loglet.ErrDamaged) {
					return page{}, err
				}
			}
			return t.Memory.Read(ctx, from, to)
		}
	}},
}

var wrongStreams = []wrong{
	{"leaves out of a stream what another page told", "a stream is told backwards and whole", func(t *twin) {
		t.back = func(ctx context.Context, stream loglet.Stream, before pos, max int) ([]pos, error) {
			positions, err := t.Memory.Back(ctx, stream, before, max)
			if b, _ := t.Memory.Tail(ctx); before < b.Tail && len(positions) > 1 {
				positions = positions[1:]
			}
			return positions, err
		}
	}},
	{"tells a stream forwards", "a stream is told backwards and whole", func(t *twin) {
		t.back = func(ctx context.Context, stream loglet.Stream, before pos, max int) ([]pos, error) {
			positions, err := t.Memory.Back(ctx, stream, before, max)
			slices.Reverse(positions)
			return positions, err
		}
	}},
	{"puts an entry into its first stream only", "an entry stands in all of its streams and is one entry", func(t *twin) {
		t.appendTo = func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error) {
			if loglet.CheckStreams(streams) == nil {
				streams = streams[:1]
			}
			return t.Memory.AppendTo(ctx, streams, bodies)
		}
	}},
	{"stores an entry once for each stream", "an entry stands in all of its streams and is one entry", func(t *twin) {
		t.appendTo = func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) (positions []pos, err error) {
			for _, s := range streams {
				positions, err = t.Memory.AppendTo(ctx, []loglet.Stream{s}, bodies)
			}
			return positions, err
		}
	}},
	{"tells of a stream what is trimmed", "a stream is told from the head on", func(t *twin) {
		var told []pos
		t.appendTo = func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.AppendTo(ctx, streams, bodies)
			told = append(told, positions...)
			return positions, err
		}
		t.back = func(_ context.Context, _ loglet.Stream, before pos, max int) ([]pos, error) {
			end, _ := slices.BinarySearch(told, before)
			some := slices.Clone(told[end-min(end, max) : end])
			slices.Reverse(some)
			return some, nil
		}
	}},
	{"takes a stream twice", "bad input about streams is refused and changes nothing", func(t *twin) {
		t.appendTo = func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error) {
			return t.Memory.AppendTo(ctx, slices.Compact(slices.Clone(streams)), bodies)
		}
	}},
	{"forgets a back-pointer now and then", "streams of many clients are whole", func(t *twin) {
		var c counter
		t.appendTo = func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error) {
			if c.every(13) {
				return t.Memory.Append(ctx, bodies)
			}
			return t.Memory.AppendTo(ctx, streams, bodies)
		}
	}},
}
