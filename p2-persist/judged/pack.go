package judged

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"dss.example/common/blob"
	"dss.example/common/blob/blobtest"
	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/judge"

	"dss.example/p2-persist/segment"
)

func packChecks() []judge.Check {
	checks := []judge.Check{
		{
			Step: "p2.8", Name: "a crash loses nothing that was synced", Run: packCrashes(crash.Options{PerCall: 16}),
			Rule: "Whatever a crash keeps, the store that is opened then holds what was acknowledged, and calls nothing damaged.",
		},
		{
			Step: "p2.8", Name: "a crash during recovery loses nothing either", Run: packCrashes(crash.Options{PerCall: 4, Depth: 2}),
			Rule: "Opening a store may crash anywhere and start again.",
		},
		{
			Step: "p2.8", Name: "no failed call loses a blob that was synced", Run: packFaults,
			Rule: "Each call of the disk fails once, and some pairs do: what was acknowledged is there after every crash.",
		},
		{
			Step: "p2.8", Name: "a flipped bit is told", Run: asks("pack", packFlips),
			Rule: "Whatever bit of a store is flipped, Get gives the bytes that were put, or ErrCorrupt of a blob that was hit, and Verify finds that one.",
		},
		{
			Step: "p2.8", Name: "only the hash is believed", Run: asks("pack", forgery),
			Rule: "Bytes in a record whose checksums are right, but that are not what the ID names, are ErrCorrupt: Get hashes what it reads.",
		},
		{
			Step: "p2.8", Name: "callers share a sync, and none is told too early", Run: asks("pack", crowds),
			Rule: "When the Sync of one of many callers returns, its blob is durable; all of them together take fewer syncs of the disk than they are.",
		},
		{
			Step: "p2.8", Name: "nothing is swept that was put again", Run: asks("pack", sweeps),
			Rule: "A sweep deletes what nobody needs, and not what was put since the mark, also if it was there before.",
		},
	}
	for _, g := range group(blobPromises(), blobtest.Checks(), func(c blobtest.Check) string { return c.Name }) {
		checks = append(checks, judge.Check{Step: "p2.8", Name: g.name, Rule: g.rule, Run: asks("pack", func(t *judge.T, p *part) {
			for _, c := range g.checks {
				if err := c.Run(newPackDisk(p)); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})})
	}
	return checks
}

// blobPromises are those of a blob.Store.
func blobPromises() []promises[blobtest.Check] {
	return []promises[blobtest.Check]{
		{name: "damage and failures are told of blobs", words: "damage flipped fail"},
		{name: "blobs come back", words: "crash reopen synced Sync"},
		{name: "blobs are listed and counted", words: "List Stat list"},
		{name: "a deleted blob is gone", words: "delete"},
		{name: "a blob is what was put"},
	}
}

// turn is what a run does to a store between two acknowledgements. It ends with a Sync.
type turn struct{ put, delete []int }

// blobOf is the n-th blob: three of them fill a pack.
func blobOf(n int) []byte { return noise(uint64(n), 1200) }

func idOfBlob(n int) blob.ID { return blob.Sum(blob.Raw, blobOf(n)) }

// play carries out turns on a new store.
func play(p *part, turns []turn, ack func(int)) error {
	_, err := p.ask("pack.open", words(packSize))
	for i, tn := range turns {
		for _, n := range tn.put {
			if err == nil {
				_, err = p.ask("pack.put", words(uint64(blob.Raw)), blobOf(n))
			}
		}
		for _, n := range tn.delete {
			if id := idOfBlob(n); err == nil {
				_, err = p.ask("pack.delete", nil, id[:])
			}
		}
		if err == nil {
			_, err = p.ask("pack.sync", nil)
		}
		if err != nil {
			return err
		}
		ack(i + 1)
	}
	if err == nil {
		_, err = p.ask("pack.close", nil)
	}
	return err
}

// judgePack opens a store after a crash, and says what is wrong with it.
func judgePack(p *part, turns []turn, acked int) error {
	m, err := p.ask("pack.open", words(packSize))
	if err != nil {
		return err
	}
	if len(m.Numbers) != 2 || m.Numbers[0]+m.Numbers[1] > 0 {
		return fmt.Errorf("a crash is taken for damage: %v blobs, and records", m.Numbers)
	}
	here, unsure := map[int]bool{}, map[int]bool{}
	for i, tn := range turns {
		for _, n := range tn.put {
			here[n], unsure[n] = true, unsure[n] || i >= acked
		}
		for _, n := range tn.delete {
			here[n], unsure[n] = false, unsure[n] || i >= acked
		}
	}
	for n, want := range here {
		id := idOfBlob(n)
		b, err := one(p.ask("pack.get", nil, id[:]))
		switch {
		case err == nil && !bytes.Equal(b, blobOf(n)):
			return fmt.Errorf("blob %d reads as something else", n)
		case err != nil && !errors.Is(err, blob.ErrNotFound), !unsure[n] && want != (err == nil):
			return fmt.Errorf("blob %d, after %d turns of %+v were acknowledged: %v", n, acked, turns, orOK(err))
		}
	}
	return nil
}

func packScenario(ps *parts, turns []turn) crash.Scenario {
	return crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			return ps.in(d, func(p *part) error { return play(p, turns, ack) })
		},
		Check: func(d disk.Disk, acked int) error {
			return ps.in(d, func(p *part) error { return judgePack(p, turns, acked) })
		},
	}
}

func packCrashes(o crash.Options) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p2-persist/pack")
		ps := &parts{t: t}
		o.Seed = t.Seed()
		for _, turns := range [][]turn{
			{{put: []int{1}}, {put: []int{2}}},
			{{put: []int{1, 2}}, {put: []int{3, 4}}, {delete: []int{1}}, {put: []int{1}}},
		} {
			explored(t, fmt.Sprintf("%+v", turns), func() (crash.Stats, error) { return crash.Explore(packScenario(ps, turns), o) })
		}
	}
}

func packFaults(t *judge.T) {
	t.Replay("go test ./p2-persist/pack")
	ps := &parts{t: t}
	turns := []turn{{put: []int{1, 2}}, {put: []int{3, 4}, delete: []int{1}}}
	explored(t, fmt.Sprintf("%+v", turns), func() (crash.Stats, error) {
		return crash.FailEach(packScenario(ps, turns), crash.Options{PerCall: 3, Pairs: 25, Seed: t.Seed()})
	})
}

// packFlips flips bits of all files of a store that was closed.
func packFlips(t *judge.T, p *part) {
	d := newPackDisk(p)
	turns := []turn{{put: []int{1, 2, 3}}, {put: []int{4, 5}}, {put: []int{6}}}
	if err := play(p, turns, func(int) {}); err != nil {
		t.Fatalf("%v", err)
	}
	failedRead(p, d.memory.Image(disk.KeepAll))
	names, err := disk.FS{Disk: d.memory}.List("blobs")
	if err != nil {
		t.Fatalf("%v", err)
	}
	r := rand.New(rand.NewPCG(t.Seed(), 14))
	for i := range 120 {
		name := "blobs/" + names[i%len(names)]
		b, err := disk.FS{Disk: d.memory}.ReadFile(name, 1<<20)
		if err != nil || len(b) == 0 {
			continue
		}
		flipped := d.memory.Image(disk.KeepAll)
		at := r.Int64N(int64(len(b)))
		flipped.Flip(name, at, uint(r.IntN(8)))
		if err := judgeFlipped(p, flipped); err != nil {
			t.Fatalf("a bit of byte %d of %s was flipped: %v", at, name, err)
		}
	}
}

// failedRead fails a read, which says nothing about the bytes.
func failedRead(p *part, d *disk.Memory) {
	if err := p.enter(d); err != nil {
		p.t.Fatalf("%v", err)
	}
	p.must("pack.open", words(packSize))
	id := idOfBlob(1)
	d.Inject(failOnce(disk.Fault{Code: disk.IO}, disk.Read))
	if _, err := p.ask("pack.get", nil, id[:]); err == nil || errors.Is(err, blob.ErrCorrupt) {
		p.t.Errorf("Get of a blob that the disk did not read answered %v: want the disk's error", orOK(err))
	}
	if b, err := one(p.ask("pack.get", nil, id[:])); !bytes.Equal(b, blobOf(1)) {
		p.t.Errorf("after a read that failed a sound blob is not read any more: %v", orOK(err))
	}
}

func judgeFlipped(p *part, d disk.Disk) error {
	if err := p.enter(d); err != nil {
		return err
	}
	if _, err := p.ask("pack.open", words(packSize)); err != nil {
		return err
	}
	bad := 0
	var hit []byte
	for n := 1; n <= 6; n++ {
		id := idOfBlob(n)
		b, err := one(p.ask("pack.get", nil, id[:]))
		switch {
		case errors.Is(err, blob.ErrCorrupt):
			bad++
			hit = id[:]
		case err != nil:
			return fmt.Errorf("blob %d: %w", n, err)
		case !bytes.Equal(b, blobOf(n)):
			return fmt.Errorf("blob %d is read as other bytes", n)
		}
	}
	m, err := p.ask("pack.verify", nil)
	switch {
	case err != nil:
		return err
	case bad > 1:
		return fmt.Errorf("%d blobs are told to be damaged", bad)
	case bad == 1 && !same(m.Bytes, [][]byte{hit}):
		return fmt.Errorf("of a damaged blob Verify tells %x", m.Bytes)
	}
	return nil
}

// forgery appends a sound record to a pack, with other bytes under the name of a blob.
func forgery(t *judge.T, p *part) {
	d := newPackDisk(p)
	if err := play(p, []turn{{put: []int{1}}}, func(int) {}); err != nil {
		t.Fatalf("%v", err)
	}
	const name = "blobs/pack-0000000001"
	if err := forge(d.memory, name, p.file(name)); err != nil {
		t.Fatalf("%s is no segment with a blob: %v", name, err)
	}
	p.must("pack.open", words(packSize))
	id := idOfBlob(1)
	p.refuses(blob.ErrCorrupt, "pack.get", nil, id[:])
	p.must("pack.put", words(uint64(blob.Raw)), blobOf(1))
	if b, err := one(p.ask("pack.get", nil, id[:])); !bytes.Equal(b, blobOf(1)) {
		t.Errorf("a damaged blob was put anew, and is not there: %v", orOK(err))
	}
}

// forge appends to the segment in a file what its last record is, but for the last byte.
func forge(d disk.Disk, name string, header []byte) error {
	if len(header) < segment.HeaderSize {
		return errors.New("the file is too short")
	}
	s, err := segment.Open(disk.FS{Disk: d}, name, segment.Header{Kind: header[8], First: binary.LittleEndian.Uint64(header[9:])})
	if err != nil {
		return err
	}
	var last segment.Record
	tail, err := s.Scan(0, func(r segment.Record) error {
		last = r
		last.Payload = bytes.Clone(r.Payload)
		return nil
	})
	if err != nil || len(last.Payload) == 0 {
		return errors.Join(errors.New("it has no record"), err)
	}
	w, err := s.Resume(tail)
	if err != nil {
		return err
	}
	last.Payload[len(last.Payload)-1] ^= 1
	_, err = w.Append(last.Kind, last.Payload)
	return errors.Join(err, w.Sync(), w.Close())
}

// crowds lets many callers put and sync at once, and looks at the disk whenever one of
// them is told that its blob is durable.
func crowds(t *judge.T, p *part) {
	const callers = 16
	var all [][]byte
	for n := range callers {
		all = append(all, blobOf(n)[:300])
	}
	d := newPackDisk(p)
	p.must("pack.open", words(1<<20))
	syncs := 0
	d.memory.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Sync {
			syncs++
		}
		return disk.Fault{}
	})
	left := map[uint64]*disk.Memory{}
	p.done = func(n uint64) {
		if n < callers {
			left[n] = d.memory.Image(disk.KeepNone)
		}
	}
	p.must("pack.crowd", nil, all...)
	if len(left) != callers {
		t.Fatalf("of %d callers %d were told that their blobs are durable", callers, len(left))
	}
	if syncs >= callers {
		t.Errorf("%d callers at once took %d syncs of the disk", callers, syncs)
	}
	for n, after := range left {
		if err := p.enter(after); err != nil {
			t.Fatalf("%v", err)
		}
		p.must("pack.open", words(1<<20))
		id := blob.Sum(blob.Raw, all[n])
		if b, err := one(p.ask("pack.get", nil, id[:])); !bytes.Equal(b, all[n]) {
			t.Fatalf("a caller was told that its blob is durable: after a crash then it was not there: %v", err)
		}
	}
}

func sweeps(t *judge.T, p *part) {
	d := newPackDisk(p)
	if err := play(p, []turn{{put: []int{1, 2, 3, 4}}}, func(int) {}); err != nil {
		t.Fatalf("%v", err)
	}
	p.must("pack.open", words(packSize))
	p.must("pack.mark", nil)
	p.must("pack.put", words(uint64(blob.Raw)), blobOf(2)) // was there
	p.must("pack.put", words(uint64(blob.Raw)), blobOf(5))
	live := idOfBlob(3)
	p.must("pack.sweep", nil, live[:])
	p.must("pack.sync", nil)
	d.Crash()
	p.must("pack.open", words(packSize))
	for n, want := range []bool{1: false, 2: true, 3: true, 4: false, 5: true} {
		id := idOfBlob(n)
		if _, err := p.ask("pack.get", nil, id[:]); n > 0 && (err == nil) != want {
			t.Errorf("after a sweep blob %d (1 and 4: nobody needs them; 2 and 5: put since the mark; 3: needed): %v", n, orOK(err))
		}
	}
}
