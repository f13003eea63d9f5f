package loglettest_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"dss.example/common/loglet"
	"dss.example/common/loglettest"
)

type (
	pos  = loglet.Pos
	page = loglet.Page
)

// twin is a Memory with something wrong about it. A function that is nil is right.
type twin struct {
	*loglet.Memory
	append   func(ctx context.Context, bodies [][]byte) ([]pos, error)
	read     func(ctx context.Context, from, to pos) (page, error)
	tail     func(ctx context.Context) (loglet.Bounds, error)
	trim     func(ctx context.Context, before pos) error
	seal     func(ctx context.Context) error
	appendTo func(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error)
	back     func(ctx context.Context, stream loglet.Stream, before pos, max int) ([]pos, error)

	reopen func()
	odd    loglet.Loglet // what clients with odd numbers see; nil: the same
}

func (t *twin) Append(ctx context.Context, bodies [][]byte) ([]pos, error) {
	if t.append != nil {
		return t.append(ctx, bodies)
	}
	return t.Memory.Append(ctx, bodies)
}

func (t *twin) Read(ctx context.Context, from, to pos) (page, error) {
	if t.read != nil {
		return t.read(ctx, from, to)
	}
	return t.Memory.Read(ctx, from, to)
}

func (t *twin) Tail(ctx context.Context) (loglet.Bounds, error) {
	if t.tail != nil {
		return t.tail(ctx)
	}
	return t.Memory.Tail(ctx)
}

func (t *twin) Trim(ctx context.Context, before pos) error {
	if t.trim != nil {
		return t.trim(ctx, before)
	}
	return t.Memory.Trim(ctx, before)
}

func (t *twin) Seal(ctx context.Context) error {
	if t.seal != nil {
		return t.seal(ctx)
	}
	return t.Memory.Seal(ctx)
}

func (t *twin) AppendTo(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]pos, error) {
	if t.appendTo != nil {
		return t.appendTo(ctx, streams, bodies)
	}
	return t.Memory.AppendTo(ctx, streams, bodies)
}

func (t *twin) Back(ctx context.Context, stream loglet.Stream, before pos, max int) ([]pos, error) {
	if t.back != nil {
		return t.back(ctx, stream, before, max)
	}
	return t.Memory.Back(ctx, stream, before, max)
}

// wrong is a way to be wrong, and the checks that must notice, separated by semicolons.
type wrong struct {
	name   string
	checks string
	spoil  func(t *twin)
}

// world is the wrong log's.
func (w wrong) world(gap int) *loglettest.World {
	t := &twin{Memory: loglet.NewMemory(gap)}
	world := loglettest.Around(t.Memory, 1)
	w.spoil(t)
	world.Log = func(client int) loglet.Loglet {
		if t.odd != nil && client%2 == 1 {
			return t.odd
		}
		return t
	}
	world.Reopen = func() error {
		if t.reopen != nil {
			t.reopen()
		}
		return nil
	}
	return world
}

// gone is a set of positions that many goroutines look at.
type gone struct {
	mu  sync.Mutex // guards all
	all map[pos]bool
}

// without reads but for entries that drop tells of.
func (t *twin) without(drop func(e loglet.Entry) bool) {
	t.read = func(ctx context.Context, from, to pos) (page, error) {
		p, err := t.Memory.Read(ctx, from, to)
		p.Entries = slices.DeleteFunc(p.Entries, drop)
		return p, err
	}
}

var zoo = slices.Concat(wrongEntries, wrongPages, wrongEnds, wrongRaces, wrongAnswers, wrongTroubles, wrongStreams)

// tolerant reads what is beyond the tail as nothing.
func (t *twin) tolerant(ctx context.Context, from, to pos) (page, error) {
	p, err := t.Memory.Read(ctx, from, to)
	if errors.Is(err, loglet.ErrUnwritten) {
		return page{Next: to}, nil
	}
	return p, err
}
