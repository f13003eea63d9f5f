package judged

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/judge"

	"dss.example/p2-persist/segment"
)

func segmentChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.6", Name: "what was appended is there", Run: asks("segment", appended),
			Rule: "Records of all sizes and notes are in the file as the format says, are scanned in order, and read at the offsets that Append told.",
		},
		{
			Step: "p2.6", Name: "a crash leaves a prefix", Run: segmentCrashes(crash.Options{PerCall: 24}),
			Rule: "Whatever a crash keeps of what was not synced: a name leads to a whole header, what was synced is there, a prefix of the rest follows, and nothing of it is called damage.",
		},
		{
			Step: "p2.6", Name: "a recovery that crashes can start again", Run: segmentCrashes(crash.Options{PerCall: 8, Depth: 2}),
			Rule: "Resume goes on behind the tail; a crash of it loses nothing that Scan has told, and brings nothing back.",
		},
		{
			Step: "p2.6", Name: "no failed call is taken for done", Run: segmentFaults,
			Rule: "Each call of the disk fails once, and some pairs do: what was acknowledged all the same is there after every crash.",
		},
		{
			Step: "p2.6", Name: "after a failed sync nothing is done", Run: asks("segment", failedSync),
			Rule: "A sync or write that failed is not tried again: the Writer answers ErrFailed, and touches the disk no more.",
		},
		{
			Step: "p2.6", Name: "torn is not damaged", Run: asks("segment", tornOrDamaged),
			Rule: "What does not check before the newest mark is told as damage, with its place and its numbers, and what follows is read; behind the mark it is a tail that is cut.",
		},
		{
			Step: "p2.6", Name: "a segment has bounds", Run: asks("segment", segmentBounds),
			Rule: "A record too large, of no kind, or for which there is no room is refused, and the segment goes on.",
		},
	}
}

const segmentName = "seg"

// scanned is what a scan tells, as it travels.
type scanned struct {
	numbers  []uint64
	payloads [][]byte
}

// staffScan scans a segment as it should be.
func staffScan(d disk.Disk, synced int64) (s scanned, err error) {
	opened, err := segment.Open(disk.FS{Disk: d}, segmentName, segment.Header{Kind: 'j', First: 7})
	if err != nil {
		return s, err
	}
	tail, err := opened.Scan(synced, func(r segment.Record) error {
		s.numbers = append(s.numbers, uint64(r.Offset), uint64(r.Size), uint64(r.Kind), r.Number, is(r.Damaged), r.Lost)
		s.payloads = append(s.payloads, bytes.Clone(r.Payload))
		return nil
	})
	s.numbers = append(s.numbers, uint64(tail.End), tail.Next, uint64(tail.Synced), uint64(tail.Torn), is(tail.Broken))
	return s, errors.Join(err, opened.Close())
}

// is is a truth as it travels.
func is(so bool) uint64 {
	if so {
		return 1
	}
	return 0
}

// scanWith lets the part scan the segment, by one of two verbs.
func scanWith(p *part, verb string, synced int64) (scanned, error) {
	m, err := p.ask(verb, words(7, uint64(synced)), []byte(segmentName))
	return scanned{m.Numbers, m.Bytes}, err
}

// judgeScan compares what the part tells of the segment on a disk with what there is.
func judgeScan(p *part, verb string, d disk.Disk, synced int64) (scanned, error) {
	want, err := staffScan(d, synced)
	if err != nil {
		return want, err
	}
	got, err := scanWith(p, verb, synced)
	switch {
	case err != nil:
		return want, err
	case !slices.Equal(got.numbers, want.numbers) || !same(got.payloads, want.payloads):
		return want, fmt.Errorf("the scan told %v of the segment, with %d payloads: want %v with %d (of each record offset, size, kind, number, damaged, lost; of the tail end, next, synced, torn, broken)",
			got.numbers, len(got.payloads), want.numbers, len(want.payloads))
	}
	return want, nil
}

// payload is what a script's i-th step appends.
func payload(letter rune, i int) []byte {
	if letter == 'L' {
		return noise(uint64(i), 1300)
	}
	return fmt.Appendf(nil, "record %d", i)
}

// write carries out a script on a new segment: a and L append a record, n a note, s
// syncs, f flushes.
func write(p *part, script string, ack func(int)) error {
	if _, err := p.ask("segment.create", words(7, 8<<10), []byte(segmentName)); err != nil {
		return err
	}
	if _, err := p.ask("segment.publish", nil, []byte(segmentName)); err != nil {
		return err
	}
	ack(1)
	for i, letter := range script {
		var err error
		switch letter {
		case 's':
			_, err = p.ask("segment.sync", nil)
		case 'f':
			_, err = p.ask("segment.flush", nil)
		case 'n':
			_, err = p.ask("segment.append", words(uint64(segment.Note)+1), payload(letter, i))
		default:
			_, err = p.ask("segment.append", words(3), payload(letter, i))
		}
		if err != nil {
			return err
		}
		if letter == 's' {
			ack(i + 2)
		}
	}
	_, err := p.ask("segment.close", nil)
	return err
}

// checked is what a check appends.
var checked = []byte("appended by a check")

// judgeSegment says what is wrong with a segment that a script has written, of which so
// many steps are acknowledged.
func judgeSegment(p *part, d disk.Disk, script string, acked int) error {
	if there, err := (disk.FS{Disk: d}).Exists(segmentName); err != nil || !there {
		return errors.Join(err, lost(acked))
	}
	s, err := judgeScan(p, "segment.resume", d, 0)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(s.payloads), func(b []byte) bool { return bytes.Equal(b, checked) })
	var all, synced int
	for i, letter := range script {
		if letter == 's' || letter == 'f' {
			continue
		}
		if all < len(left) && !bytes.Equal(left[all], payload(letter, i)) {
			return fmt.Errorf("record %d is not what was appended", all)
		}
		if all++; i+1 < acked {
			synced = all
		}
	}
	damaged := false
	for i := 4; i < 6*len(s.payloads); i += 6 {
		damaged = damaged || s.numbers[i] != 0
	}
	switch {
	case damaged:
		return errors.New("what a crash has left is taken for damage")
	case len(left) < synced || len(left) > all:
		return fmt.Errorf("%d records are there, of %d that were appended and %d that were synced", len(left), all, synced)
	}
	return goesOn(p, d, len(s.payloads))
}

func lost(acked int) error {
	if acked > 0 {
		return errors.New("the segment is gone")
	}
	return nil
}

// goesOn appends to a segment that was resumed, and looks for that and all before it.
func goesOn(p *part, d disk.Disk, before int) error {
	if _, err := p.ask("segment.append", words(3), checked); errors.Is(err, segment.ErrFull) {
		return nil // by the checks that have crashed
	} else if err != nil {
		return err
	}
	if _, err := p.ask("segment.sync", nil); err != nil {
		return err
	}
	s, err := judgeScan(p, "segment.scan", d, 0)
	if err == nil && len(s.payloads) != before+1 {
		err = fmt.Errorf("a record was appended to %d: now there are %d", before, len(s.payloads))
	}
	return err
}

func segmentScenario(ps *parts, script string) crash.Scenario {
	return crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			return ps.in(d, func(p *part) error { return write(p, script, ack) })
		},
		Check: func(d disk.Disk, acked int) error {
			return ps.in(d, func(p *part) error { return judgeSegment(p, d, script, acked) })
		},
	}
}

func segmentCrashes(o crash.Options) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p2-persist/segment")
		ps := &parts{t: t}
		o.Seed = t.Seed()
		for _, script := range []string{"asas", "aasLs", "afafans", "LfLsaf"} {
			explored(t, script, func() (crash.Stats, error) { return crash.Explore(segmentScenario(ps, script), o) })
		}
	}
}

func segmentFaults(t *judge.T) {
	t.Replay("go test ./p2-persist/segment")
	ps := &parts{t: t}
	for _, script := range []string{"asLs", "afafs"} {
		explored(t, script, func() (crash.Stats, error) {
			return crash.FailEach(segmentScenario(ps, script), crash.Options{PerCall: 4, Pairs: 40, Seed: t.Seed()})
		})
	}
}

// explored runs an exploration and says what it has found.
func explored(t *judge.T, script string, run func() (crash.Stats, error)) {
	stats, err := run()
	switch {
	case err != nil:
		t.Fatalf("%s: %v", script, err)
	case stats.Distinct < 3:
		t.Fatalf("%s: the disk was hardly used: %v", script, stats)
	}
}

func appended(t *judge.T, p *part) {
	if err := writeSizes(p); err != nil {
		t.Fatalf("%v", err)
	}
}

// writeSizes appends records of many sizes, with syncs in between.
func writeSizes(p *part) error {
	p.must("segment.create", words(7, 4<<20), []byte(segmentName))
	p.must("segment.append", words(3), []byte("before it has its name"))
	p.must("segment.publish", nil, []byte(segmentName))
	for i, n := range []int{0, 1, 487, 488, 489, 512, 5000, 1 << 20, 1<<20 + 1, 3} {
		kind := uint64(1 + i*25)
		b := noise(uint64(i), n)
		offset := p.shaped(1, 0, "segment.append", words(kind), b).Numbers[0]
		p.must("segment.flush", nil)
		read := p.shaped(2, 1, "segment.read", words(offset, uint64(segment.HeadSize+n)))
		if read.Numbers[0] != kind || !same(read.Bytes, [][]byte{b}) {
			return fmt.Errorf("a record of %d bytes and kind %d is read as kind %d, or other bytes", n, kind, read.Numbers[0])
		}
		if i%3 == 0 {
			p.must("segment.sync", nil)
		}
	}
	p.must("segment.close", nil)
	s, err := judgeScan(p, "segment.scan", p.disk, 0)
	if err == nil && len(s.payloads) < 11 {
		err = fmt.Errorf("11 records were appended: %d are in the file", len(s.payloads))
	}
	return err
}

// failedSync fails writes and syncs, and then wants nothing to be tried again.
func failedSync(t *judge.T, p *part) {
	for _, op := range []disk.Op{disk.Sync, disk.Write} {
		for _, done := range []bool{false, true} {
			d := disk.NewMemory()
			if err := p.enter(d); err != nil {
				t.Fatalf("%v", err)
			}
			p.must("segment.create", words(7, 8<<10), []byte(segmentName))
			p.must("segment.publish", nil, []byte(segmentName))
			p.must("segment.append", words(3), []byte("a"))
			d.Inject(failOnce(disk.Fault{Code: disk.IO, Done: done}, op))
			if _, err := p.ask("segment.sync", nil); err == nil {
				t.Errorf("a sync of which the %v failed is told as done", op)
			}
			calls := d.Stats().Calls
			p.refuses(segment.ErrFailed, "segment.sync", nil)
			p.refuses(segment.ErrFailed, "segment.append", words(3), []byte("b"))
			p.refuses(segment.ErrFailed, "segment.flush", nil)
			if d.Stats().Calls != calls {
				t.Errorf("after a failed %v the disk was used again", op)
			}
		}
	}
}

// failOnce fails the next call of an operation.
func failOnce(f disk.Fault, op disk.Op) func(int, disk.Call) disk.Fault {
	failed := false
	return func(_ int, c disk.Call) disk.Fault {
		if failed || c.Op != op {
			return disk.Fault{}
		}
		failed = true
		return f
	}
}

// tornOrDamaged flips bits, and puts zeros and noise, all over a segment that was closed
// and one that was not.
func tornOrDamaged(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 13))
	for _, script := range []string{"asaasnsLsas", "asaasLsaf"} {
		d := disk.NewMemory()
		if err := errors.Join(p.enter(d), write(p, script, func(int) {})); err != nil {
			t.Fatalf("%v", err)
		}
		end, err := staffScan(d, 0)
		if err != nil {
			t.Fatalf("%v", err)
		}
		size := int64(end.numbers[len(end.numbers)-5])
		for i := range 150 {
			spoilt := d.Image(disk.KeepAll)
			spoil(spoilt, r, i, size)
			if err := p.enter(spoilt); err != nil {
				t.Fatalf("%v", err)
			}
			if _, err := judgeScan(p, "segment.scan", spoilt, []int64{0, 0, segment.MaxSize}[i%3]); err != nil {
				t.Fatalf("%v", err)
			}
		}
	}
}

// spoil changes the first bytes of a segment somewhere.
func spoil(d *disk.Memory, r *rand.Rand, i int, size int64) {
	at := r.Int64N(size)
	if i%2 == 0 {
		d.Flip(segmentName, at, uint(r.IntN(8)))
		return
	}
	b := make([]byte, r.Int64N(min(80, size-at))+1)
	if i%4 == 1 {
		copy(b, noise(r.Uint64(), len(b)))
	}
	if f, err := (disk.FS{Disk: d}).Open(segmentName); err == nil {
		_, _ = f.WriteAt(b, at) // of a pretended disk
		_ = f.Close()
	}
}

func segmentBounds(t *judge.T, p *part) {
	p.must("segment.create", words(7, 512), []byte(segmentName))
	p.must("segment.publish", nil, []byte(segmentName))
	p.refuses(segment.ErrKind, "segment.append", words(0), []byte("a"))
	p.refuses(segment.ErrTooLarge, "segment.append", words(3), make([]byte, segment.MaxPayload+1))
	p.refuses(segment.ErrFull, "segment.append", words(3), make([]byte, 512))
	p.must("segment.append", words(3), make([]byte, 100))
	p.refuses(segment.ErrFull, "segment.append", words(3), make([]byte, 400))
	p.must("segment.append", words(3), make([]byte, 10))
	p.must("segment.sync", nil)
	p.must("segment.close", nil)
	if s, err := judgeScan(p, "segment.scan", p.disk, 0); err != nil || len(s.payloads) < 2 {
		t.Errorf("after what was refused two records should be there: %d are, %v", len(s.payloads), orOK(err))
	}
}
