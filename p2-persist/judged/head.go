package judged

import (
	"fmt"
	"maps"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/judge"

	"dss.example/p2-persist/head"
)

func headChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.8", Name: "a crash leaves the old head or the new", Run: headCrashes,
			Rule: "Whatever a crash keeps, also one of a recovery, each head is as it was before the change under way or after it, and what was acknowledged is there.",
		},
		{
			Step: "p2.8", Name: "no failed call loses a head that was set", Run: headFaults,
			Rule: "Each call of the disk fails once, and some pairs do: heads that were acknowledged are there after every crash.",
		},
		{
			Step: "p2.8", Name: "no head before its blobs", Run: headsAndBlobs,
			Rule: "Whatever a crash keeps, a head that can be seen leads to blobs that are there.",
		},
		{
			Step: "p2.8", Name: "who has not seen a change loses to it", Run: asks("head", generations),
			Rule: "Set and Delete want the generation that is there, or answer ErrConflict and change nothing; generations grow, also over a Delete.",
		},
		{
			Step: "p2.8", Name: "a damaged head is told", Run: asks("head", headFlips),
			Rule: "Whatever bit of a head's file is flipped, Get answers ErrCorrupt: never another blob, and never that there is no such head.",
		},
		{
			Step: "p2.8", Name: "what a crash leaves beside the heads is removed", Run: asks("head", headTemps),
			Rule: "Temporary files of a Set that was interrupted are gone when the heads are open.",
		},
	}
}

// change points a head to a blob; to none, it deletes it.
type change struct{ name, blob string }

var changes = []change{{"main", "a"}, {"main", "b"}, {"other", "c"}, {"main", ""}, {"main", "d"}}

// after is the heads after the first n changes.
func after(n int) map[string]blob.ID {
	heads := map[string]blob.ID{}
	for _, c := range changes[:n] {
		if heads[c.name] = blob.Sum(blob.Raw, []byte(c.blob)); c.blob == "" {
			delete(heads, c.name)
		}
	}
	return heads
}

// makeChanges carries out the changes, on blobs that are durable.
func makeChanges(p *part, ack func(int)) error {
	_, err := p.ask("head.open", nil)
	seen := map[string]uint64{}
	for i, c := range changes {
		if err != nil {
			return err
		}
		if c.blob == "" {
			_, err = p.ask("head.delete", words(seen[c.name]), []byte(c.name))
			seen[c.name] = head.None
		} else {
			id, _ := p.blobs.Put(blob.Raw, []byte(c.blob))
			seen[c.name], err = number(p.ask("head.set", words(seen[c.name]), []byte(c.name), id[:]))
		}
		if err == nil {
			ack(i + 1)
		}
	}
	if err == nil {
		_, err = p.ask("head.close", nil)
	}
	return err
}

// seenHeads are the heads that there are.
func seenHeads(p *part) (map[string]blob.ID, error) {
	m, err := p.ask("head.list", nil)
	if err != nil {
		return nil, err
	}
	heads := map[string]blob.ID{}
	for i := 0; i+1 < len(m.Bytes); i += 2 {
		heads[string(m.Bytes[i])] = idOf(m.Bytes[i+1])
	}
	return heads, nil
}

// judgeHeads opens the heads after a crash, and says what is wrong with them.
func judgeHeads(p *part, acked int) error {
	if _, err := p.ask("head.open", nil); err != nil {
		return err
	}
	got, err := seenHeads(p)
	if err != nil {
		return err
	}
	if !maps.Equal(got, after(acked)) && !maps.Equal(got, after(min(acked+1, len(changes)))) {
		return fmt.Errorf("%d of the changes %v are acknowledged: the heads are %v", acked, changes, got)
	}
	_, err = p.ask("head.close", nil)
	return err
}

func headScenario(ps *parts) crash.Scenario {
	return crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			return ps.in(d, func(p *part) error { return makeChanges(p, ack) })
		},
		Check: func(d disk.Disk, acked int) error {
			return ps.in(d, func(p *part) error { return judgeHeads(p, acked) })
		},
	}
}

func headCrashes(t *judge.T) {
	t.Replay("go test ./p2-persist/head")
	ps := &parts{t: t}
	explored(t, "heads", func() (crash.Stats, error) {
		return crash.Explore(headScenario(ps), crash.Options{PerCall: 16, Depth: 2, Seed: t.Seed()})
	})
}

func headFaults(t *judge.T) {
	t.Replay("go test ./p2-persist/head")
	ps := &parts{t: t}
	explored(t, "heads", func() (crash.Stats, error) {
		return crash.FailEach(headScenario(ps), crash.Options{PerCall: 4, Pairs: 30, Seed: t.Seed()})
	})
}

// pointed are the blobs of a head: a child, and what the head points to.
func pointed(name string) [][]byte { return [][]byte{[]byte("child of " + name), []byte(name)} }

// openBoth opens a store, and heads over it.
func openBoth(p *part) error {
	_, err := p.ask("pack.open", words(packSize))
	if err == nil {
		_, err = p.ask("head.open", nil)
	}
	return err
}

// putAndPoint puts blobs, syncs nothing, and points heads at them.
func putAndPoint(p *part, ack func(int)) error {
	err := openBoth(p)
	for i, name := range []string{"a", "b"} {
		var id []byte
		for _, b := range pointed(name) {
			if err == nil {
				id, err = one(p.ask("pack.put", words(uint64(blob.Raw)), b))
			}
		}
		if err == nil {
			_, err = p.ask("head.set", words(head.None), []byte(name), id)
		}
		if err != nil {
			return err
		}
		ack(i + 1)
	}
	return err
}

// judgePointed says which blob is missing under a head.
func judgePointed(p *part, acked int) error {
	if err := openBoth(p); err != nil {
		return err
	}
	heads, err := seenHeads(p)
	if err != nil {
		return err
	}
	if len(heads) < acked {
		return fmt.Errorf("%d heads were acknowledged, %d are there", acked, len(heads))
	}
	for name := range heads {
		for _, b := range pointed(name) {
			id := blob.Sum(blob.Raw, b)
			if _, err := p.ask("pack.get", nil, id[:]); err != nil {
				return fmt.Errorf("head %q is there, and %q, to which it leads: %w", name, b, err)
			}
		}
	}
	return nil
}

func headsAndBlobs(t *judge.T) {
	t.Replay("go test ./p2-persist/head")
	ps := &parts{t: t}
	s := crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			return ps.in(d, func(p *part) error { return putAndPoint(p, ack) })
		},
		Check: func(d disk.Disk, acked int) error {
			return ps.in(d, func(p *part) error { return judgePointed(p, acked) })
		},
	}
	explored(t, "heads over a pack", func() (crash.Stats, error) { return crash.Explore(s, crash.Options{PerCall: 24, Seed: t.Seed()}) })
	explored(t, "heads over a pack", func() (crash.Stats, error) {
		return crash.FailEach(s, crash.Options{PerCall: 4, Pairs: 10, Seed: t.Seed()})
	})
}

// set points a head, and returns its generation.
func set(p *part, name string, old uint64, text string) uint64 {
	id, _ := p.blobs.Put(blob.Raw, []byte(text))
	n, err := number(p.ask("head.set", words(old), []byte(name), id[:]))
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return n
}

func generations(t *judge.T, p *part) {
	p.must("head.open", nil)
	one, two := blob.Sum(blob.Raw, []byte("1")), blob.Sum(blob.Raw, []byte("2"))
	first := set(p, "main", head.None, "1")
	p.refuses(head.ErrConflict, "head.set", words(head.None), []byte("main"), one[:])
	p.refuses(head.ErrConflict, "head.set", words(first+1), []byte("main"), one[:])
	p.refuses(head.ErrConflict, "head.set", words(first), []byte("other"), one[:])
	second := set(p, "main", first, "2")
	p.refuses(head.ErrConflict, "head.set", words(first), []byte("main"), one[:])
	p.refuses(head.ErrConflict, "head.delete", words(first), []byte("main"))
	if got, err := seenHeads(p); err != nil || len(got) != 1 || got["main"] != two {
		t.Errorf("after what was refused the heads are %v, %v", got, orOK(err))
	}
	p.must("head.delete", words(second), []byte("main"))
	p.refuses(head.ErrNotFound, "head.get", nil, []byte("main"))
	p.refuses(head.ErrNotFound, "head.delete", words(second), []byte("main"))
	third := set(p, "main", head.None, "3")
	if !(0 < first && first < second && second < third) {
		t.Errorf("the generations of a head are %d, %d, and %d after a Delete: they should grow", first, second, third)
	}
	nowhere := blob.Sum(blob.Raw, []byte("nowhere"))
	p.refuses(head.ErrNoBlob, "head.set", words(third), []byte("main"), nowhere[:])
	for _, name := range []string{"", strings.Repeat("x", head.MaxName+1), "\xff", "a\nb"} {
		p.refuses(head.ErrBadName, "head.set", words(head.None), []byte(name), one[:])
	}
	for _, name := range []string{"../x", "A", "a", "Größe", "con", "."} {
		set(p, name, head.None, name)
	}
	if got, err := seenHeads(p); err != nil || len(got) != 7 {
		t.Errorf("7 heads were set: there are %v, %v", got, orOK(err))
	}
}

func headFlips(t *judge.T, p *part) {
	d := disk.NewMemory()
	if err := p.enter(d); err != nil {
		t.Fatalf("%v", err)
	}
	p.must("head.open", nil)
	set(p, "main", head.None, "1")
	size := int64(len(p.file("heads/head-main")))
	for at := range size {
		flipped := d.Image(disk.KeepAll)
		flipped.Flip("heads/head-main", at, uint(at%8))
		if err := p.enter(flipped); err != nil {
			t.Fatalf("%v", err)
		}
		p.must("head.open", nil)
		p.refuses(head.ErrCorrupt, "head.get", nil, []byte("main"))
	}
}

// file reads a file of the part's disk.
func (p *part) file(name string) []byte {
	b, err := disk.FS{Disk: p.disk}.ReadFile(name, 1<<20)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return b
}

func headTemps(t *judge.T, p *part) {
	interrupted(t, p, "heads", "head.open", func() {
		set(p, "main", head.None, "1")
	}, func() error {
		id, _ := p.blobs.Put(blob.Raw, []byte("2"))
		_, err := p.ask("head.set", words(1), []byte("main"), id[:])
		return err
	})
	if got, err := seenHeads(p); err != nil || len(got) != 1 {
		t.Errorf("the heads are %v: %v", got, orOK(err))
	}
}

// interrupted lets a part do something, then something that ends at a rename of the disk.
// Whoever opens what that has left finds it, and removes what is temporary.
func interrupted(t *judge.T, p *part, dir, open string, before func(), until func() error) {
	d := disk.NewMemory()
	if err := p.enter(d); err != nil {
		t.Fatalf("%v", err)
	}
	p.must(open, words(packSize))
	before()
	d.Inject(func(_ int, c disk.Call) disk.Fault { return disk.Fault{Crash: c.Op == disk.Rename} })
	if err := until(); err == nil {
		t.Errorf("what is renamed on a disk that stopped at the rename is told as done")
	}
	left := d.Crash(func(_ int, e disk.Effect) bool { return e.Kind != disk.Renamed })
	p.reboot()
	if err := p.enter(left); err != nil {
		t.Fatalf("%v", err)
	}
	p.must(open, words(packSize))
	names, err := disk.FS{Disk: left}.List(dir)
	if text := strings.Join(names, " "); err != nil || strings.Contains(text, "~") {
		t.Errorf("a crash has left %s in %s: what begins with ~ should be gone, %v", text, dir, orOK(err))
	}
}
