package loglettest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"dss.example/common/loglet"
)

var wrongEntries = []wrong{
	{"has an entry that nobody appended", "an empty log holds nothing", func(t *twin) {
		_, _ = t.Memory.Append(context.Background(), [][]byte{[]byte("here before")})
	}},
	{"takes an empty entry for none", "an entry is read back byte for byte", func(t *twin) {
		t.without(func(e loglet.Entry) bool { return len(e.Body) == 0 })
	}},
	{"ends an entry at a zero byte", "an entry is read back byte for byte", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			cut := slices.Clone(bodies)
			for i := range cut {
				cut[i], _, _ = bytes.Cut(cut[i], []byte{0})
			}
			return t.Memory.Append(ctx, cut)
		}
	}},
	{"turns batches round", "a batch stands in its order;an append that ends maybe stands once or never", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			turned := slices.Clone(bodies)
			slices.Reverse(turned)
			return t.Memory.Append(ctx, turned)
		}
	}},
	{"takes the last entry for the tail", "the tail is above all that was appended;all clients see one log", func(t *twin) {
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Tail = max(b.Head, b.Tail-1)
			for b.Tail > b.Head && !holds(t.Memory, b.Tail) {
				b.Tail--
			}
			return b, err
		}
	}},
	{"is one log for each client", "all clients see one log", func(t *twin) { t.odd = loglet.NewMemory(0) }},
	{"cuts what is too large", "the largest entry and batch fit, and a byte more does not", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrTooLarge) {
				return t.Memory.Append(ctx, [][]byte{bodies[0][:loglet.MaxBytes]})
			}
			return positions, err
		}
	}},
	{"takes a byte less than it may", "the largest entry and batch fit, and a byte more does not", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if len(bytes.Join(bodies, nil)) == loglet.MaxBytes {
				return nil, loglet.ErrTooLarge
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"takes a batch of nothing", "bad input is refused and changes nothing", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if len(bodies) == 0 {
				return nil, nil
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"stores half of a batch that is too long", "bad input is refused and changes nothing", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			if len(bodies) > loglet.MaxBatch {
				_, _ = t.Memory.Append(ctx, bodies[:loglet.MaxBatch])
			}
			return t.Memory.Append(ctx, bodies)
		}
	}},
	{"keeps the caller's bytes", "the log keeps nothing of the caller's bytes", func(t *twin) {
		kept := map[pos][]byte{}
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			for i, p := range positions {
				kept[p] = bodies[i]
			}
			return positions, err
		}
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			for i, e := range p.Entries {
				p.Entries[i].Body = bytes.Clone(kept[e.Pos])
			}
			return p, err
		}
	}},
	{"hands out its own bytes", "the bytes of a page are the reader's own", func(t *twin) {
		cache := map[string]page{}
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			key := fmt.Sprint(from, to)
			if p, ok := cache[key]; ok {
				return p, nil
			}
			p, err := t.Memory.Read(ctx, from, to)
			cache[key] = p
			return p, err
		}
	}},
	{"does not look at contexts", "a call whose context has ended does nothing", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			return t.Memory.Append(context.WithoutCancel(ctx), bodies)
		}
	}},
	{"does what nobody waits for", "a call whose context has ended does nothing", func(t *twin) {
		t.seal = func(ctx context.Context) error {
			_ = t.Memory.Seal(context.WithoutCancel(ctx))
			return loglet.CheckContext(ctx)
		}
	}},
}

// holds tells whether an entry stands at a position.
func holds(m *loglet.Memory, at pos) bool {
	p, err := m.Read(context.Background(), at, at+1)
	return err == nil && len(p.Entries) == 1
}

var wrongPages = []wrong{
	{"ends a range with its first page", "pages make up the whole;pages keep their bound in bytes", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			p.Next = to
			return p, err
		}
	}},
	{"stands still", "pages make up the whole;a range is read and nothing beside it", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			p.Next = from
			return p, err
		}
	}},
	{"begins a page with the last entry of the one before", "pages make up the whole", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if n := len(p.Entries); n > 1 && p.Next < to {
				p.Next = p.Entries[n-1].Pos
			}
			return p, err
		}
	}},
	{"counts no bytes", "pages keep their bound in bytes", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if err == nil && p.Next < to {
				more, _ := t.Memory.Read(ctx, p.Next, to)
				p.Entries, p.Next = append(p.Entries, more.Entries...), more.Next
			}
			return p, err
		}
	}},
	{"reads the end of a range, too", "a range is read and nothing beside it;random calls do what a list would do", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			b, _ := t.Memory.Tail(ctx)
			if to < b.Tail && from < to {
				to++
			}
			return t.Memory.Read(ctx, from, to)
		}
	}},
	{"reads nothing beyond the tail without a word", "nothing is read beyond the tail;an empty log holds nothing", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if errors.Is(err, loglet.ErrUnwritten) {
				return page{Next: to}, nil
			}
			return p, err
		}
	}},
	{"settles what is beyond the tail", "nothing is read beyond the tail", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if err == nil && len(p.Entries) < loglet.MaxPage {
				p.Next = to
			}
			return p, err
		}
	}},
}

var wrongEnds = []wrong{
	{"trims one entry too many", "a trim takes what is before it and nothing else;random calls do what a list would do", func(t *twin) {
		t.trim = func(ctx context.Context, before pos) error {
			if b, _ := t.Memory.Tail(ctx); before > b.Head && before < b.Tail {
				before++
			}
			return t.Memory.Trim(ctx, before)
		}
	}},
	{"goes back with its head", "a trim takes what is before it and nothing else", func(t *twin) {
		var last pos
		t.trim = func(ctx context.Context, before pos) error {
			last = before
			return t.Memory.Trim(ctx, before)
		}
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Head = min(b.Head, max(last, 1))
			return b, err
		}
	}},
	{"takes what is trimmed for empty", "what is trimmed is told as trimmed", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			p, err := t.Memory.Read(ctx, from, to)
			if b, _ := t.Memory.Tail(ctx); errors.Is(err, loglet.ErrTrimmed) && b.Head < to {
				return t.Memory.Read(ctx, b.Head, to)
			}
			return p, err
		}
	}},
	{"begins anew when all is trimmed", "a trim of everything leaves a log that goes on", func(t *twin) {
		t.trim = func(ctx context.Context, before pos) error {
			if b, _ := t.Memory.Tail(ctx); before == b.Tail {
				t.Memory = loglet.NewMemory(0)
			}
			return nil
		}
	}},
	{"trims what it has when asked for more", "a trim beyond the tail is refused and trims nothing", func(t *twin) {
		t.trim = func(ctx context.Context, before pos) error {
			b, _ := t.Memory.Tail(ctx)
			return t.Memory.Trim(ctx, min(before, b.Tail))
		}
	}},
	{"refuses, and trims what it has", "a trim beyond the tail is refused and trims nothing", func(t *twin) {
		t.trim = func(ctx context.Context, before pos) error {
			b, _ := t.Memory.Tail(ctx)
			_ = t.Memory.Trim(ctx, min(before, b.Tail))
			return t.Memory.Trim(ctx, before)
		}
	}},
	{"is never sealed", "a sealed log takes nothing more and is still read;an empty log is sealed", func(t *twin) {
		t.seal = func(context.Context) error { return nil }
	}},
	{"answers what comes after the seal, and drops it", "a sealed log takes nothing more and is still read;appends that race with a seal are done or refused", func(t *twin) {
		t.append = func(ctx context.Context, bodies [][]byte) ([]pos, error) {
			positions, err := t.Memory.Append(ctx, bodies)
			if errors.Is(err, loglet.ErrSealed) {
				b, _ := t.Memory.Tail(ctx)
				for i := range bodies {
					positions = append(positions, b.Tail+pos(i))
				}
				return positions, nil
			}
			return positions, err
		}
	}},
	{"is not read when sealed", "a sealed log takes nothing more and is still read", func(t *twin) {
		t.read = func(ctx context.Context, from, to pos) (page, error) {
			if b, _ := t.Memory.Tail(ctx); b.Sealed {
				return page{}, loglet.ErrSealed
			}
			return t.Memory.Read(ctx, from, to)
		}
	}},
	{"refuses a second seal", "to seal again changes nothing", func(t *twin) {
		t.seal = func(ctx context.Context) error {
			if b, _ := t.Memory.Tail(ctx); b.Sealed {
				return loglet.ErrSealed
			}
			return t.Memory.Seal(ctx)
		}
	}},
	{"moves its tail with each seal", "to seal again changes nothing", func(t *twin) {
		seals := pos(0)
		t.seal = func(ctx context.Context) error {
			seals++
			return t.Memory.Seal(ctx)
		}
		t.tail = func(ctx context.Context) (loglet.Bounds, error) {
			b, err := t.Memory.Tail(ctx)
			b.Tail += seals
			return b, err
		}
	}},
	{"does not trim when sealed", "a sealed log is trimmed;a stream is told from the head on", func(t *twin) {
		t.trim = func(ctx context.Context, before pos) error {
			if b, _ := t.Memory.Tail(ctx); b.Sealed {
				return loglet.ErrSealed
			}
			return t.Memory.Trim(ctx, before)
		}
		t.seal = func(ctx context.Context) error {
			t.back = func(context.Context, loglet.Stream, pos, int) ([]pos, error) { return nil, loglet.ErrSealed }
			return t.Memory.Seal(ctx)
		}
	}},
	{"seals by an entry", "an empty log is sealed", func(t *twin) {
		t.seal = func(ctx context.Context) error {
			_, _ = t.Memory.Append(ctx, [][]byte{[]byte("the end")})
			return t.Memory.Seal(ctx)
		}
	}},
}
