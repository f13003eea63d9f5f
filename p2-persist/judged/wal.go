package judged

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/judge"
	"dss.example/common/stable"
	"dss.example/common/stable/stabletest"

	"dss.example/p2-persist/wal"
)

func walChecks() []judge.Check {
	checks := []judge.Check{
		{
			Step: "p2.7", Name: "every crash leaves what the twin could leave", Run: walCrashes(crash.Options{PerCall: 16}, "asasas", "aasatsas", "aaaetsas", "LrLrs", "aaasoeaasots"),
			Rule: "Whatever a crash keeps, the log that is opened then holds what a log in memory could hold after it: all that was synced, a prefix of the rest, and no record that was trimmed for good.",
		},
		{
			Step: "p2.7", Name: "a crash during recovery changes nothing", Run: walCrashes(crash.Options{PerCall: 8, Depth: 2}, "aaas", "asL", "asotsa", "aaets"),
			Rule: "A recovery may crash anywhere and start again: nothing that was told is lost.",
		},
		{
			Step: "p2.7", Name: "no failed call loses what was synced", Run: walFaults,
			Rule: "Each call of the disk fails once, and some pairs do: the log dies, and what was acknowledged is there after every crash.",
		},
		{
			Step: "p2.7", Name: "damage in the middle is told by its numbers", Run: asks("wal", walDamage),
			Rule: "Damaged records, and segments that are missing, are passed to Replay as damaged, under their numbers; all later records are there.",
		},
		{
			Step: "p2.7", Name: "what is spoilt is told as it is", Run: asks("wal", walSpoilt),
			Rule: "Whatever is flipped, zeroed or cut off: the log opens, tells what is torn and what is lost, and keeps all else, also when the last segment is broken.",
		},
		{
			Step: "p2.7", Name: "one log has one owner, and gives room back", Run: asks("wal", walOwner),
			Rule: "A log that is open is ErrLocked to others; segments that were trimmed are removed with the next Sync, and temporary files when the log is opened.",
		},
	}
	for _, g := range group(logPromises(), stabletest.Checks(), func(c stabletest.Check) string { return c.Name }) {
		checks = append(checks, judge.Check{Step: "p2.7", Name: g.name, Rule: g.rule, Run: asks("wal", func(t *judge.T, p *part) {
			for _, c := range g.checks {
				for _, size := range []uint64{wal.MinSegment, 1 << 20} {
					if err := c.Run(newLogDisk(p, size)); err != nil {
						t.Errorf("%s, with segments of %d bytes: %v", c.Name, size, err)
					}
				}
			}
		})})
	}
	return checks
}

// logPromises are those of a stable.Log.
func logPromises() []promises[stabletest.Check] {
	return []promises[stabletest.Check]{
		{name: "a trim is for good", words: "trim"},
		{name: "damage and failures are told", words: "damage fail"},
		{name: "a log comes back", words: "crash reopen"},
		{name: "a log keeps what was appended"},
	}
}

// do carries out a script on a log: a and L append a record, s syncs, r replays, t trims
// to the last record, e to the end, o opens the log again.
func do(open func() (stable.Log, error), script string, ack func(int)) error {
	l, err := open()
	for i, letter := range script {
		if err != nil {
			return err
		}
		switch letter {
		case 'a', 'L':
			_, err = l.Append(payload(letter, i))
		case 's':
			err = l.Sync()
		case 't':
			err = l.Trim(l.Next() - 1)
		case 'e':
			err = l.Trim(l.Next())
		case 'r':
			_, err = contents(l)
		case 'o':
			if err = l.Close(); err == nil {
				l, err = open()
			}
		}
		if err == nil {
			ack(i + 1)
		}
	}
	return err
}

// contents is what a log holds, in words, with the number of the next record.
func contents(l stable.Log) (all []string, err error) {
	err = l.Replay(func(seq uint64, b []byte, damaged bool) error {
		if damaged {
			b = []byte("damaged")
		}
		all = append(all, fmt.Sprintf("%d %.40q", seq, b))
		return nil
	})
	return append(all, fmt.Sprintf("next %d", l.Next())), err
}

// twins returns what a log may hold after a crash in the step behind those acknowledged:
// what a twin holds that has done that step or not, and has lost some of what was not
// synced; a trim that was not synced may be undone.
func twins(script string, acked int) map[string]bool {
	all := map[string]bool{}
	for done := acked; done <= min(acked+1, len(script)); done++ {
		for keep := range len(script) + 1 {
			twin := stable.NewMemory()
			reopen := func() (stable.Log, error) { twin = twin.Crash(0); return twin, nil }
			if err := do(reopen, script[:done], func(int) {}); err != nil {
				panic(err)
			}
			before, _ := contents(twin)
			after, _ := contents(twin.Crash(min(keep, twin.Unsynced())))
			all[strings.Join(after, "\n")] = true
			trimmed := slices.DeleteFunc(after, func(s string) bool {
				return !strings.HasPrefix(s, "next") && !slices.Contains(before, s)
			})
			all[strings.Join(trimmed, "\n")] = true
		}
	}
	return all
}

// sizeOf gives a script with long records segments that hold some of them.
func sizeOf(script string) uint64 {
	if strings.Contains(script, "L") {
		return 8 << 10
	}
	return wal.MinSegment
}

func walScenario(ps *parts, script string) crash.Scenario {
	return crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			return ps.in(d, func(p *part) error {
				return do(func() (stable.Log, error) { l, _, err := openLog(p, sizeOf(script)); return l, err }, script, ack)
			})
		},
		Check: func(d disk.Disk, acked int) error {
			return ps.in(d, func(p *part) error { return judgeLog(p, script, acked) })
		},
	}
}

// judgeLog opens a log after a crash, and says what is wrong with it. It appends to it,
// and opens it once more.
func judgeLog(p *part, script string, acked int) error {
	before, err := recovered(p)
	if err != nil {
		return err
	}
	mine := func(s string) bool { return strings.Contains(s, string(checked)) }
	kept := slices.DeleteFunc(slices.Clone(before), mine)
	var next int
	_, _ = fmt.Sscanf(before[len(before)-1], "next %d", &next) // else 0 is wrong
	kept[len(kept)-1] = fmt.Sprintf("next %d", next-(len(before)-len(kept)))
	if got := strings.Join(kept, "\n"); !twins(script, acked)[got] {
		return fmt.Errorf("recovered:\n%s\nwhich no right log could hold", got)
	}
	l := farLog{p}
	if _, err := l.Append(checked); err != nil {
		return err
	}
	if err := errors.Join(l.Sync(), l.Close()); err != nil {
		return err
	}
	after, err := recovered(p)
	if n := len(before) - 1; err == nil && (len(after) != n+2 || !slices.Equal(after[:n], before[:n]) || !mine(after[n])) {
		err = fmt.Errorf("after a record was appended and the log opened again:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	return err
}

// recovered opens a log in which nothing may be damaged, and returns what it holds.
func recovered(p *part) ([]string, error) {
	l, report, err := openLog(p, wal.MinSegment)
	if err != nil {
		return nil, err
	}
	if report[4] > 0 || report[5] > 0 {
		return nil, fmt.Errorf("a crash is taken for damage: %d records lost, %d places damaged", report[4], report[5])
	}
	return contents(l)
}

func walCrashes(o crash.Options, scripts ...string) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p2-persist/wal")
		ps := &parts{t: t}
		o.Seed = t.Seed()
		for _, script := range scripts {
			explored(t, script, func() (crash.Stats, error) { return crash.Explore(walScenario(ps, script), o) })
		}
	}
}

func walFaults(t *judge.T) {
	t.Replay("go test ./p2-persist/wal")
	ps := &parts{t: t}
	for _, script := range []string{"asas", "aaets"} {
		explored(t, script, func() (crash.Stats, error) {
			return crash.FailEach(walScenario(ps, script), crash.Options{PerCall: 3, Pairs: 30, Seed: t.Seed()})
		})
	}
}

func walDamage(t *judge.T, p *part) {
	for victim := uint64(1); victim <= 9; victim++ {
		d := newLogDisk(p, wal.MinSegment)
		l := filled(t, d, 12)
		if err := errors.Join(l.Close(), d.Damage(victim)); err != nil {
			t.Fatalf("%v", err)
		}
		judgeDamaged(t, d, victim, victim)
	}
	d := newLogDisk(p, wal.MinSegment)
	l := filled(t, d, 12)
	names, err := segmentsOf(d.memory)
	if err = errors.Join(err, l.Close()); err != nil || len(names) < 3 {
		t.Fatalf("12 records are in %d segments of %d bytes: %v", len(names), wal.MinSegment, orOK(err))
	}
	var from, to uint64
	_, _ = fmt.Sscanf(names[1]+" "+names[2], "%d.wal %d.wal", &from, &to)
	if err := (disk.FS{Disk: d.memory}).Remove("log/" + names[1]); err != nil {
		t.Fatalf("%v", err)
	}
	judgeDamaged(t, d, from, to-1)
}

// walSpoilt spoils a file of a log, and compares what is told with what staff's log tells.
func walSpoilt(t *judge.T, p *part) {
	d := newLogDisk(p, wal.MinSegment)
	if err := filled(t, d, 9).Close(); err != nil {
		t.Fatalf("%v", err)
	}
	names, err := segmentsOf(d.memory)
	if err != nil || len(names) == 0 {
		t.Fatalf("the log has no segment: %v", orOK(err))
	}
	r := rand.New(rand.NewPCG(t.Seed(), 17))
	for i := range 120 {
		name, spoilt := "log/"+names[r.IntN(len(names))], d.memory.Image(disk.KeepAll)
		f, err := disk.FS{Disk: spoilt}.Open(name)
		if err != nil {
			t.Fatalf("%v", err)
		}
		switch at := r.Int64N(wal.MinSegment - 40); i % 3 {
		case 0:
			spoilt.Flip(name, at, uint(r.IntN(8)))
		case 1:
			_, _ = f.WriteAt(make([]byte, 1+r.IntN(40)), at) // of a pretended disk
		default:
			_ = f.Truncate(at)
		}
		_ = f.Close()
		judgeSpoilt(p, spoilt, name)
	}
}

func judgeSpoilt(p *part, d *disk.Memory, name string) {
	staff, want, err := wal.Open(disk.FS{Disk: d.Image(disk.KeepAll)}, "log", wal.Options{SegmentSize: wal.MinSegment})
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	held, _ := contents(staff)
	if err := p.enter(d); err != nil {
		p.t.Fatalf("%v", err)
	}
	l, got, err := openLog(p, wal.MinSegment)
	if err != nil {
		p.t.Fatalf("%s is spoilt, and the log does not open: %v", name, err)
	}
	holds, err := contents(l)
	if err != nil || !slices.Equal(holds, held) {
		p.t.Fatalf("%s is spoilt: the log holds\n%s\n%v, want\n%s", name, strings.Join(holds, "\n"), orOK(err), strings.Join(held, "\n"))
	}
	if got[3] != uint64(want.Torn) || got[4] != want.Lost {
		p.t.Fatalf("%s is spoilt: told are %d torn bytes and %d lost records, want %d and %d", name, got[3], got[4], want.Torn, want.Lost)
	}
}

// filled appends records to a new log, and syncs each.
func filled(t *judge.T, d *logDisk, n int) stable.Log {
	l, err := d.Open()
	for i := range n {
		if err == nil {
			_, err = l.Append(payload('a', i))
		}
		if err == nil {
			err = l.Sync()
		}
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return l
}

// judgeDamaged opens a log of which some records are lost.
func judgeDamaged(t *judge.T, d *logDisk, from, to uint64) {
	var want []string
	for seq := uint64(1); seq <= 12; seq++ {
		b := payload('a', int(seq-1))
		if seq >= from && seq <= to {
			b = []byte("damaged")
		}
		want = append(want, fmt.Sprintf("%d %.40q", seq, b))
	}
	l, report, err := openLog(d.p, wal.MinSegment)
	if err != nil {
		t.Fatalf("a log with damage in the middle does not open: %v", err)
	}
	got, err := contents(l)
	if err != nil || !slices.Equal(got, append(want, "next 13")) {
		t.Fatalf("records %d to %d are damaged: the log holds\n%s\n%v", from, to, strings.Join(got, "\n"), orOK(err))
	}
	if report[4] != to-from+1 {
		t.Errorf("%d records are lost: reported were %d", to-from+1, report[4])
	}
	_ = l.Close() // of which nothing is asked any more
}

func walOwner(t *judge.T, p *part) {
	d := newLogDisk(p, wal.MinSegment)
	l := filled(t, d, 30)
	if _, err := d.Open(); !errors.Is(err, wal.ErrLocked) {
		t.Errorf("a log was opened twice: %v: want the error %q", orOK(err), wal.ErrLocked)
	}
	before, _ := segmentsOf(d.memory) // none: then fewer are not left
	if err := errors.Join(l.Trim(25), l.Sync()); err != nil {
		t.Fatalf("%v", err)
	}
	after, err := segmentsOf(d.memory)
	if err != nil || len(after) >= len(before) {
		t.Errorf("24 of 30 records were trimmed: of %d segments %d are left", len(before), len(after))
	}
	d.Crash()
	l, err = d.Open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if got, err := contents(l); err != nil || len(got) != 7 || !strings.HasPrefix(got[0], "25 ") {
		t.Errorf("records 25 to 30 should be left: %q, %v", got, orOK(err))
	}
	interrupted(t, p, "log", "wal.open", func() { p.must("wal.append", nil, payload('a', 0)) }, func() (err error) {
		for i := 0; err == nil && i < 100; i++ { // a segment is full before that
			_, err = p.ask("wal.append", nil, payload('L', i))
		}
		return err
	})
}
