package past_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/stable"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/checkpoint/past"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/head"
)

var self = machine.Addr{Node: 1, Role: "book"}

// book is a machine with one line a revision, from 2 on. A put writes the next line, and a get
// reads the present one, or that of a revision.
type book struct {
	torn  uint64 // lines up to that of this revision are lost
	lines []string
	alive bool
	born  uint64 // the random bits of its first step
}

func (b *book) Step(in machine.In, out *machine.Out) {
	if !b.alive {
		b.alive, b.born = true, in.Rand
	}
	ask, ok := in.Event.(machine.Ask)
	if !ok {
		return
	}
	req := ask.Cmd.(*kv.Request)
	if put, ok := req.Op.(kv.Put); ok {
		b.lines = append(b.lines, string(put.Value))
	}
	out.Answer(ask.ID, b.answer(req))
}

func (b *book) answer(req *kv.Request) *kv.Response {
	oldest, present := b.Revisions()
	rev := present
	if !req.At.IsZero() {
		rev = req.At.Lo
	}
	resp := &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: present}}
	switch {
	case rev < oldest:
		resp.Status = kv.Compacted
	case rev > present:
		resp.Status = kv.FutureRev
	case req.Op == kv.Stat{}:
		resp.Result = kv.Stats{Keys: uint64(len(b.lines)), Oldest: kv.Version{Lo: oldest}}
	case rev > 1:
		resp.Result = kv.Item{Value: fmt.Append(nil, b.lines[rev-2], " of ", b.born)}
	}
	return resp
}

func (b *book) Revisions() (oldest, present uint64) {
	return max(b.torn+1, 1), uint64(len(b.lines)) + 1
}

// View is the lines that are left, as a book that forgets has them.
func (b *book) View() app.View {
	v := &page{book: book{torn: b.torn, lines: b.lines[:len(b.lines):len(b.lines)], born: b.born}}
	v.torn = max(v.torn, uint64(max(len(v.lines)-remembered, 0)))
	return v
}

// page is a View of a book.
type page struct{ book }

func (p *page) Pairs(string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if !yield("#", fmt.Append(nil, p.born, " ", p.torn)) {
			return
		}
		for i, line := range p.lines {
			if !yield(fmt.Sprintf("%06d", i), []byte(line)) {
				return
			}
		}
	}
}

func (b *book) Load(pairs iter.Seq2[string, []byte]) error {
	b.alive = true
	for k, v := range pairs {
		if k == "#" {
			if _, err := fmt.Sscan(string(v), &b.born, &b.torn); err != nil {
				return err
			}
			continue
		}
		b.lines = append(b.lines, string(v))
	}
	return nil
}

// remembered is how many revisions before the present one a book knows that forgets.
const remembered = 5

// present is the store of a book that forgets.
type present struct {
	mu     sync.Mutex
	book   *book
	closed bool
}

func (p *present) Lend(_ context.Context, req *kv.Request) *kv.Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.book.lines) > remembered {
		p.book.torn = uint64(len(p.book.lines) - remembered)
	}
	return p.book.answer(req)
}

func (p *present) Do(ctx context.Context, req *kv.Request) *kv.Response { return p.Lend(ctx, req) }
func (p *present) Offers() kv.Caps                                      { return kv.Caps{} }

func (p *present) Submit(req *kv.Request, then func(*kv.Response)) bool {
	then(p.Lend(context.Background(), req))
	return true
}

func (p *present) Close() error {
	p.closed = true
	return nil
}

// rig is a server of a book.
type rig struct {
	t       *testing.T
	blobs   *blob.Memory
	keeper  *checkpoint.Keeper
	journal *checkpoint.Journal
	machine *durable.Machine
	present *present
	store   *past.Store

	mu     sync.Mutex
	passed int                    // records that were read
	onRead func(seq uint64) error // before each record
}

func newRig(t *testing.T, keep int, c past.Config) *rig {
	r := &rig{t: t, blobs: blob.NewMemory(), present: &present{book: &book{}}}
	heads, err := head.Open(disk.FS{Disk: disk.NewMemory()}, "heads", r.blobs)
	require.NoError(t, err)
	r.keeper, err = checkpoint.Open(r.blobs, heads, keep)
	require.NoError(t, err)
	r.journal = checkpoint.NewJournal(stable.NewMemory(), 0)
	r.machine, err = durable.New(durable.Config{Self: self, Inside: r.present.book, Changes: durable.Changes, Refuse: durable.Refuse})
	require.NoError(t, err)
	r.step(machine.In{Rand: 77, Event: machine.Ready{Fresh: true}})

	c.Present, c.Keeper, c.Journal, c.Self, c.Read = r.present, r.keeper, r.journal, self, r.read
	c.Protocol = durable.Protocol(&machine.Protocol{Command: kv.DecodeRequest, Answer: kv.DecodeResponse}, nil)
	c.Inside = func() past.Inside { return &book{} }
	r.store = past.New(c)
	return r
}

// read passes on records of the journal.
func (r *rig) read(from, to uint64, fn func(uint64, []byte) error) error {
	return r.journal.Replay(func(seq uint64, b []byte, _ bool) error {
		if seq < from || seq > to {
			return nil
		}
		r.mu.Lock()
		r.passed++
		onRead := r.onRead
		r.mu.Unlock()
		if onRead != nil {
			if err := onRead(seq); err != nil {
				return err
			}
		}
		return fn(seq, b)
	})
}

func (r *rig) step(in machine.In) (out machine.Out) {
	r.machine.Step(in, &out)
	for _, record := range out.Save {
		_, err := r.journal.Append(record.AppendTo(nil))
		require.NoError(r.t, err)
	}
	require.NoError(r.t, r.journal.Sync())
	return out
}

// write writes lines until the present revision is rev: line N is of revision N.
func (r *rig) write(rev int) {
	for n := len(r.present.book.lines) + 2; n <= rev; n++ {
		r.step(machine.In{Rand: 5, Event: machine.Ask{ID: uint64(n), Cmd: &kv.Request{Op: kv.Put{Key: "k", Value: fmt.Append(nil, "line ", n)}}}})
	}
}

func (r *rig) checkpoint() {
	out := r.step(machine.In{Event: machine.Ask{ID: 1, Cmd: durable.TakeSnapshot{}}})
	_, err := r.keeper.Save(out.Reply[0].Data.(durable.Taken), time.Unix(1, 0))
	require.NoError(r.t, err)
}

func (r *rig) at(ctx context.Context, rev uint64) *kv.Response {
	return r.store.Do(ctx, &kv.Request{At: kv.Version{Lo: rev}, Op: kv.Get{Key: "k"}})
}

// has reads a revision, and returns how many records that took.
func (r *rig) has(rev uint64) int {
	r.passed = 0
	resp := r.at(r.t.Context(), rev)
	require.Equal(r.t, kv.OK, resp.Status, "revision %d: %s", rev, resp.Detail)
	require.EqualValues(r.t, len(r.present.book.lines)+1, resp.Rev.Lo)
	if rev == 1 {
		require.Nil(r.t, resp.Result)
		return r.passed
	}
	require.Equal(r.t, fmt.Sprintf("line %d of 77", rev), string(resp.Result.(kv.Item).Value))
	return r.passed
}

// lacks reads a revision that cannot be read any more.
func (r *rig) lacks(rev, oldest uint64) {
	resp := r.at(r.t.Context(), rev)
	require.Equal(r.t, kv.Compacted, resp.Status)
	require.Equal(r.t, fmt.Sprintf("revision %d: the oldest one kept is %d", rev, oldest), resp.Detail)
}

func (r *rig) oldest() uint64 {
	return r.store.Do(r.t.Context(), &kv.Request{Op: kv.Stat{}}).Result.(kv.Stats).Oldest.Lo
}

var errBroken = errors.New("the disk is broken")
