package judged

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/judge"

	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
)

func historyChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.9", Name: "a commit moves its branch", Run: asks("history", commits),
			Rule: "Commit puts the snapshot, makes all blobs durable, then moves the branch; its time is later than its parents'.",
		},
		{
			Step: "p2.9", Name: "a branch moves only on from what was seen", Run: asks("history", conflicts),
			Rule: "A commit whose first parent is not the tip is ErrConflict and changes nothing; so is one onto what is not there. Tags never move.",
		},
		{
			Step: "p2.9", Name: "a log is newest first, and each once", Run: asks("history", logs),
			Rule: "Log gives a snapshot and all that came before it, each once, and none before one that came after it.",
		},
		{
			Step: "p2.9", Name: "time travel", Run: asks("history", travels),
			Rule: "Resolve finds what a branch was some steps ago, at a moment, or a duration ago, and says what is wrong with what it cannot find.",
		},
	}
}

// hour is a distance of snapshots in time.
const hour = uint64(time.Hour)

// commit asks for a commit of a root that is there.
func commit(p *part, branch string, at uint64, parents ...blob.ID) (blob.ID, error) {
	root, _ := p.blobs.Put(blob.Raw, fmt.Append(nil, "root ", at))
	b := append([][]byte{[]byte(branch), []byte("author"), []byte("message"), root[:]}, raw(parents)...)
	id, err := one(p.ask("history.commit", words(at), b...))
	return idOf(id), err
}

// snapshotOf is the ID that a commit should have.
func snapshotOf(p *part, at, asked uint64, parents ...blob.ID) blob.ID {
	id, err := history.Save(blob.NewMemory(), history.Snapshot{
		Root: blob.Sum(blob.Raw, fmt.Append(nil, "root ", asked)), Parents: parents, Time: int64(at), Author: "author", Message: "message",
	})
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	return id
}

// careful is a disk on which no name may come to stand while blobs are not durable.
type careful struct {
	disk.Disk
	p *part
}

// Do implements disk.Disk.
func (c careful) Do(call disk.Call) disk.Result {
	if n := c.p.blobs.Unsynced(); call.Op == disk.Rename && n > 0 {
		c.p.t.Errorf("a head was moved while %d blobs were not durable", n)
	}
	return c.Disk.Do(call)
}

func commits(t *judge.T, p *part) {
	if err := p.enter(careful{disk.NewMemory(), p}); err != nil {
		t.Fatalf("%v", err)
	}
	p.must("head.open", nil)
	var tip []blob.ID
	at := 10 * hour
	for i, asked := range []uint64{at, at + hour, at + hour, at, at + 5*hour} { // the clock stands still, and goes back
		want := max(asked, at)
		if i > 0 && asked <= at {
			want = at + 1
		}
		at = want
		id, err := commit(p, "main", asked, tip...)
		if want := snapshotOf(p, at, asked, tip...); err != nil || id != want {
			t.Fatalf("commit %d is %v, %v: want %v", i, id, orOK(err), want)
		}
		if got, err := seenHeads(p); err != nil || got["branch/main"] != id {
			t.Fatalf("after commit %d the heads are %v, %v", i, got, orOK(err))
		}
		if _, err := history.Load(p.blobs.Memory, id); err != nil {
			t.Fatalf("commit %d is not in the store: %v", i, err)
		}
		tip = []blob.ID{id}
	}
}

func conflicts(t *judge.T, p *part) {
	p.must("head.open", nil)
	first, err := commit(p, "main", hour)
	if err != nil {
		t.Fatalf("%v", err)
	}
	second, err := commit(p, "main", 2*hour, first)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, parents := range [][]blob.ID{{first}, nil} {
		_, err := commit(p, "main", 3*hour, parents...)
		p.alike("a commit onto an old tip", err, history.ErrConflict, history.ErrConflict)
	}
	_, err = commit(p, "new", 3*hour, blob.Sum(blob.DAGCBOR, []byte("nowhere")))
	if err == nil {
		t.Errorf("a branch began behind a snapshot that is not there")
	}
	nowhere := blob.Sum(blob.Raw, []byte("nowhere"))
	p.refuses(blob.ErrNotFound, "history.commit", words(3*hour), []byte("main"), nil, nil, nowhere[:], second[:])
	p.refuses(history.ErrBadName, "history.commit", words(3*hour), []byte("a~b"), nil, nil, second[:])
	p.must("history.tag", nil, []byte("v1"), first[:])
	p.must("history.tag", nil, []byte("v1"), first[:])
	p.refuses(history.ErrExists, "history.tag", nil, []byte("v1"), second[:])
	got, err := seenHeads(p)
	if err != nil || len(got) != 2 || got["branch/main"] != second || got["tag/v1"] != first {
		t.Errorf("after what was refused the heads are %v, %v", got, orOK(err))
	}
}

// past makes a past of merges and returns its snapshots, the oldest first.
func past(p *part, r *rand.Rand, n int) (ids []blob.ID) {
	at := int64(0)
	for len(ids) < n {
		at += 1 + r.Int64N(int64(2*time.Hour))
		s := history.Snapshot{Root: blob.Sum(blob.Raw, nil), Time: at, Message: fmt.Sprint(len(ids))}
		if len(ids) > 0 {
			s.Parents = ids[len(ids)-1:]
			if other := r.IntN(len(ids)); r.IntN(3) == 0 && other < len(ids)-1 {
				s.Parents = []blob.ID{s.Parents[0], ids[other]}
			}
		}
		id, err := history.Save(p.blobs, s)
		if err != nil {
			p.t.NotJudged("%v", err)
		}
		ids = append(ids, id)
	}
	return ids
}

func logs(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 15))
	for _, n := range []int{1, 2, 10, 60} {
		ids := past(p, r, n)
		var want [][]byte
		for e, err := range history.Log(p.blobs.Memory, ids[n-1]) {
			if err != nil {
				t.NotJudged("%v", err)
			}
			want = append(want, e.ID[:])
		}
		if got := p.must("history.log", nil, ids[n-1][:]).Bytes; !same(got, want) {
			t.Fatalf("the log of %d snapshots has %d, or they are in another order", len(want), len(got))
		}
	}
	gone := blob.Sum(blob.DAGCBOR, []byte("gone"))
	p.refuses(blob.ErrNotFound, "history.log", nil, gone[:])
	object, _ := p.blobs.Put(blob.DAGCBOR, []byte{0xa0})
	p.refuses(history.ErrMalformed, "history.log", nil, object[:])
}

func travels(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 16))
	_, _ = p.blobs.Put(blob.Raw, nil) // all roots
	ids := past(p, r, 40)
	p.must("head.open", nil)
	heads, err := head.Open(disk.FS{Disk: disk.NewMemory()}, "heads", p.blobs.Memory)
	if err != nil {
		t.NotJudged("%v", err)
	}
	for name, id := range map[string]blob.ID{"branch/main": ids[39], "branch/old": ids[20], "tag/v1": ids[5], "tag/old": ids[1]} {
		p.must("head.set", words(head.None), []byte(name), id[:])
		if _, err := heads.Set(name, head.None, id); err != nil {
			t.NotJudged("%v", err)
		}
	}
	staff, now := history.New(p.blobs.Memory, heads), time.Unix(0, int64(50*time.Hour))
	for _, spec := range append(specs(r, ids), moments(p, ids)...) {
		want, wrong := staff.Resolve(spec, now)
		got, err := one(p.ask("history.resolve", words(uint64(now.UnixNano())), []byte(spec)))
		p.alike(fmt.Sprintf("Resolve of %q", spec), err, wrong, history.ErrSpec, history.ErrUnknown, history.ErrAmbiguous)
		if err == nil && wrong == nil && idOf(got) != want {
			t.Errorf("Resolve of %q is %v: want %v", spec, idOf(got), want)
		}
	}
}

// specs are ways to say which snapshot is meant, right ones and wrong ones.
func specs(r *rand.Rand, ids []blob.ID) []string {
	all := []string{
		"main", "old", "v1", "none", "", "~", "@", "main~", "main~0", "main~1", "main~39", "main~40", "main~-1", "main~x", "main~3~4", "old~2", "v1~1",
		"main@1970-01-01", "main@1970-01-02", "main@1970-01-03", "main@1969-01-01", "main@1970-01-01T12:30", "main@1970-01-01T12:30:15Z", "main@1970-01-01T12:30:15+02:00",
		"main@yesterday", "main@{3h ago}", "main@-3h", "main@{90m ago}", "main@{1d ago}", "main@{2w ago}", "main@{x ago}", "main@-1y", "main@-1h~2", "main~2@-1h", "b", "ba",
	}
	for range 20 {
		id := ids[r.IntN(len(ids))].String()
		all = append(all, id, id[:20], id[:len(id)-1], id[:12]+"~1", fmt.Sprintf("main@-%dm", r.IntN(3000)), fmt.Sprintf("main~%d", r.IntN(45)))
	}
	return all
}

// moments are the very moments at which snapshots were made, and those right before.
func moments(p *part, ids []blob.ID) (specs []string) {
	for _, id := range ids[30:] {
		s, err := history.Load(p.blobs.Memory, id)
		if err != nil {
			p.t.NotJudged("%v", err)
		}
		for _, at := range []int64{s.Time, s.Time - 1} {
			specs = append(specs, "main@"+time.Unix(0, at).UTC().Format(time.RFC3339Nano))
		}
	}
	return specs
}
