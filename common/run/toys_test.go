package run_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// word is the Data of every toy here.
type word string

func (w word) AppendTo(b []byte) []byte { return cbor.AppendText(b, string(w)) }

func decodeWord(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	w := word(r.Text())
	return w, r.Close()
}

func words() *machine.Protocol {
	return &machine.Protocol{
		Name: "words", Message: decodeWord, Record: decodeWord, Command: decodeWord, Answer: decodeWord, Return: decodeWord,
	}
}

// toy is a machine made of one function.
type toy func(in machine.In, out *machine.Out)

func (t toy) Step(in machine.In, out *machine.Out) { t(in, out) }

var (
	self = machine.Addr{Node: 1, Role: "toy"}
	peer = machine.Addr{Node: 2, Role: "toy"}
)

// journal is what left the machine's world, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last take.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// send is a Config.Send that notes what left.
func (j *journal) send(to machine.Addr, frame []byte) {
	msg, err := machine.DecodeMessage(slices.Clone(frame), words())
	if err != nil {
		j.add("send %v", err)
		return
	}
	switch m := msg.(type) {
	case machine.Return:
		j.add("return %d %v", m.ID, m.Data)
	default:
		j.add("send %v", m)
	}
}

// gatedLog notes what happens to it. Between shut and open a Sync waits.
type gatedLog struct {
	*stable.Memory
	j    *journal
	gate atomic.Pointer[chan struct{}] // nil: open
}

func (l *gatedLog) shut() {
	gate := make(chan struct{})
	l.gate.Store(&gate)
}

func (l *gatedLog) open() {
	if gate := l.gate.Swap(nil); gate != nil {
		close(*gate)
	}
}

func (l *gatedLog) Append(b []byte) (uint64, error) {
	w, _ := decodeWord(b)
	l.j.add("save %v", w)
	return l.Memory.Append(b)
}

func (l *gatedLog) Sync() error {
	if gate := l.gate.Load(); gate != nil {
		<-*gate
	}
	err := l.Memory.Sync()
	l.j.add("sync %v", err)
	return err
}

func (l *gatedLog) Trim(seq uint64) error {
	l.j.add("trim %d", seq)
	return l.Memory.Trim(seq)
}

// world is one loop and all that surrounds it.
type world struct {
	journal
	log  *gatedLog
	loop *run.Loop
}

func newWorld(t *testing.T, m machine.Machine, options ...func(*run.Config)) *world {
	t.Helper()
	w := &world{}
	w.log = &gatedLog{Memory: stable.NewMemory(), j: &w.journal}
	cfg := run.Config{Self: self, Machine: m, Protocol: words(), Log: w.log, Send: w.send}
	for _, option := range options {
		option(&cfg)
	}
	var err error
	w.loop, err = run.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { // a test that fails must not leave its loop behind
		w.log.open()
		require.NoError(t, w.loop.Stop(context.Background()))
	})
	return w
}

func (w *world) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, w.loop.Stop(t.Context()))
}

// asked is an Ask under way.
type asked struct {
	done chan struct{}
	data machine.Data
	err  error
}

func ask(ctx context.Context, o run.Owner, cmd word) *asked {
	a := &asked{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.data, a.err = o.Ask(ctx, cmd)
	}()
	return a
}

func (a *asked) wait() (machine.Data, error) {
	<-a.done
	return a.data, a.err
}

// tell gives o a message, and call a Call with ID id, from peer.
func tell(o run.Owner, msg word) { o.Recv(peer, machine.AppendMessage(nil, msg)) }

func call(o run.Owner, id uint64, cmd word) {
	o.Recv(peer, machine.AppendMessage(nil, machine.Call{ID: id, Cmd: cmd}))
}

// pass lets time go by in a synctest bubble, where it costs none.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func requireSame[T any](t *testing.T, want, got T, message ...any) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got), message...)
}
