package paxoslog

import (
	"context"
	"errors"
	"fmt"

	"dss.example/common/loglet"
	"dss.example/common/machine"
	"dss.example/common/run"

	"dss.example/p4-consensus/logs"
)

// Asker is what a Log needs of a replica: to be asked for commands of package logs, under
// the rules of run.Owner. An rsm.Replica is one.
type Asker interface {
	Ask(ctx context.Context, cmd machine.Data) (machine.Data, error)
}

// Log is the shared log, as it is seen through one replica. It may be used from many
// goroutines at once.
type Log struct{ replica Asker }

var _ loglet.Streamer = (*Log)(nil)

// New returns the log that a replica holds a copy of.
func New(replica Asker) *Log { return &Log{replica} }

// Append implements loglet.Loglet.
func (l *Log) Append(ctx context.Context, bodies [][]byte) ([]loglet.Pos, error) {
	return l.append(ctx, nil, bodies)
}

// AppendTo implements loglet.Streamer.
func (l *Log) AppendTo(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]loglet.Pos, error) {
	if err := loglet.CheckStreams(streams); err != nil {
		return nil, err
	}
	return l.append(ctx, streams, bodies)
}

func (l *Log) append(ctx context.Context, streams []loglet.Stream, bodies [][]byte) ([]loglet.Pos, error) {
	if err := loglet.CheckAppend(ctx, bodies); err != nil {
		return nil, err
	}
	a, err := l.ask(ctx, own(streams, bodies), loglet.ErrMaybe)
	if err != nil {
		return nil, err
	}
	positions := make([]loglet.Pos, len(bodies))
	for i := range positions {
		positions[i] = a.First + loglet.Pos(i)
	}
	return positions, nil
}

// own makes a command with memory of its own: the replica may read it when its caller has
// long given up.
func own(streams []loglet.Stream, bodies [][]byte) logs.Append {
	size := 0
	for _, b := range bodies {
		size += len(b)
	}
	c := logs.Append{Streams: append([]loglet.Stream(nil), streams...), Bodies: make([][]byte, len(bodies))}
	memory := make([]byte, 0, size)
	for i, b := range bodies {
		memory = append(memory, b...)
		c.Bodies[i] = memory[len(memory)-len(b):]
	}
	return c
}

// Read implements loglet.Loglet.
func (l *Log) Read(ctx context.Context, from, to loglet.Pos) (loglet.Page, error) {
	if err := loglet.CheckRead(ctx, from, to); err != nil {
		return loglet.Page{}, err
	}
	a, err := l.ask(ctx, logs.Read{From: from, To: to}, loglet.ErrUnavailable)
	if err != nil {
		return loglet.Page{}, err
	}
	p := loglet.Page{Entries: make([]loglet.Entry, len(a.Page.Entries)), Next: a.Page.Next}
	for i, e := range a.Page.Entries {
		p.Entries[i] = loglet.Entry{Pos: e.Pos, Body: append([]byte{}, e.Body...)} // it is the state's
	}
	return p, nil
}

// Tail implements loglet.Loglet.
func (l *Log) Tail(ctx context.Context) (loglet.Bounds, error) {
	if err := loglet.CheckContext(ctx); err != nil {
		return loglet.Bounds{}, err
	}
	a, err := l.ask(ctx, logs.Tail{}, loglet.ErrUnavailable)
	if err != nil {
		return loglet.Bounds{}, err
	}
	return a.Bounds, nil
}

// Trim implements loglet.Loglet.
func (l *Log) Trim(ctx context.Context, before loglet.Pos) error {
	return l.command(ctx, logs.Trim{Before: before})
}

// Seal implements loglet.Loglet.
func (l *Log) Seal(ctx context.Context) error { return l.command(ctx, logs.Seal{}) }

// command asks for what has no answer but that it is done.
func (l *Log) command(ctx context.Context, cmd machine.Data) error {
	if err := loglet.CheckContext(ctx); err != nil {
		return err
	}
	_, err := l.ask(ctx, cmd, loglet.ErrUnavailable)
	return err
}

// Back implements loglet.Streamer.
func (l *Log) Back(ctx context.Context, stream loglet.Stream, before loglet.Pos, max int) ([]loglet.Pos, error) {
	if err := loglet.CheckBack(ctx, stream, before, max); err != nil {
		return nil, err
	}
	a, err := l.ask(ctx, logs.Back{Stream: stream, Before: before, Max: uint64(max)}, loglet.ErrUnavailable)
	if err != nil {
		return nil, err
	}
	return a.Positions, nil
}

// ask puts a command to the replica. Its answer is that it is done, or the error says what
// it is; doubt is the error of a command whose outcome nobody knows.
func (l *Log) ask(ctx context.Context, cmd machine.Data, doubt error) (*logs.Answer, error) {
	data, err := l.replica.Ask(ctx, cmd)
	switch {
	case errors.Is(err, run.ErrUnknown):
		return nil, fmt.Errorf("%w: %w", doubt, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", loglet.ErrUnavailable, err)
	}
	a, ok := data.(*logs.Answer)
	if !ok {
		return nil, fmt.Errorf("%w: the replica has answered with a %T, want a log's answer", doubt, data)
	}
	return a, failure(a, doubt)
}

// failure turns a Status into the error of a Loglet.
func failure(a *logs.Answer, doubt error) error {
	sentinel := doubt
	switch a.Status {
	case logs.OK:
		return nil
	case logs.Sealed:
		sentinel = loglet.ErrSealed
	case logs.Trimmed:
		sentinel = loglet.ErrTrimmed
	case logs.Unwritten:
		sentinel = loglet.ErrUnwritten
	case logs.Invalid:
		sentinel = loglet.ErrInvalid
	case logs.Full, logs.Unavailable, logs.Overloaded:
		sentinel = loglet.ErrUnavailable
	}
	if a.Try != "" {
		return fmt.Errorf("%w: %s; try the replica at %s", sentinel, a.Text, a.Try)
	}
	return fmt.Errorf("%w: %s", sentinel, a.Text)
}
