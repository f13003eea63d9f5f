package judged

import (
	"errors"
	"fmt"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/judge"
	"dss.example/common/stable"

	"dss.example/p2-persist/wal"
)

// shownChecks end a process, and not the machine, when a call has failed or in the middle
// of one: the next process finds on the disk what is not durable, and may never be.
func shownChecks() []judge.Check {
	const rule = "What a process that was started anew has once shown is there after every later crash, also what a sync that failed should have made durable."
	return []judge.Check{
		{Step: "p2.6", Name: "records that were shown stay", Rule: rule, Run: shown("segment",
			func(p *part) error { return write(p, "asaasLaf", func(int) {}) },
			func(p *part) ([]string, error) {
				s, err := judgeScan(p, "segment.resume", p.disk, 0)
				return fmtBytes(s.payloads), err
			})},
		{Step: "p2.7", Name: "a log that was shown stays", Rule: rule, Run: shown("wal",
			func(p *part) error {
				return do(func() (stable.Log, error) { l, _, err := openLog(p, wal.MinSegment); return l, err }, "asaasaaats", func(int) {})
			}, recovered)},
		{Step: "p2.8", Name: "heads that were shown stay", Rule: rule, Run: shown("head",
			func(p *part) error { return makeChanges(p, func(int) {}) },
			func(p *part) ([]string, error) {
				if _, err := p.ask("head.open", nil); err != nil {
					return nil, err
				}
				heads, err := seenHeads(p)
				if len(heads) == 0 {
					return nil, err
				}
				return []string{fmt.Sprint(heads)}, err
			})},
		{Step: "p2.8", Name: "blobs that were shown stay", Rule: rule, Run: shown("pack",
			func(p *part) error {
				return play(p, []turn{{put: []int{1, 2}}, {put: []int{3, 4}, delete: []int{1}}}, func(int) {})
			},
			func(p *part) ([]string, error) {
				if _, err := p.ask("pack.open", words(packSize)); err != nil {
					return nil, err
				}
				var first blob.ID
				m, err := p.ask("pack.list", words(100), first[:])
				if err == nil {
					_, err = m.IDs(0)
				}
				return fmtBytes(m.Bytes), err
			})},
	}
}

func fmtBytes(all [][]byte) (text []string) {
	for _, b := range all {
		text = append(text, fmt.Sprintf("%.40x", b))
	}
	return text
}

// shown lets run fail at each sync, and stop at each call, then has another process look
// twice: at what is there, and at what a crash leaves of that.
func shown(test string, run func(*part) error, look func(*part) ([]string, error)) func(*judge.T) {
	return asks(test, func(t *judge.T, p *part) {
		d := disk.NewMemory()
		if err := errors.Join(p.enter(d), run(p)); err != nil {
			t.Fatalf("%v", err)
		}
		if err := p.enter(d.Kill()); err != nil {
			t.Fatalf("%v", err)
		}
		if first, err := look(p); err != nil || len(first) == 0 || len(first[0]) == 0 {
			t.Fatalf("nothing is there of what was done: %q, %v", first, orOK(err))
		}
		for _, stop := range []bool{false, true} {
			for n := 1; n < maxStops; n++ {
				d = disk.NewMemory()
				fault := disk.CrashAt(n)
				if !stop {
					fault = failSync(n)
				}
				d.Inject(fault)
				if err := p.enter(d); err != nil {
					t.Fatalf("%v", err)
				}
				failed := run(p)
				if p.ended != nil {
					t.Fatalf("%v", failed)
				}
				lookTwice(t, p, d.Kill(), look)
				if failed == nil {
					break
				}
			}
		}
	})
}

// maxStops bounds the calls of a run at which it is stopped.
const maxStops = 200

// failSync fails the n-th sync.
func failSync(n int) func(int, disk.Call) disk.Fault {
	return func(_ int, c disk.Call) (f disk.Fault) {
		if c.Op == disk.Sync {
			if n--; n == 0 {
				f.Code = disk.IO
			}
		}
		return f
	}
}

func lookTwice(t *judge.T, p *part, d *disk.Memory, look func(*part) ([]string, error)) {
	if err := p.enter(d); err != nil {
		t.Fatalf("%v", err)
	}
	first, wrong := look(p)
	if wrong != nil || len(first) == 0 { // it was not made yet
		return
	}
	if err := p.enter(d.Crash(disk.KeepNone)); err != nil {
		t.Fatalf("%v", err)
	}
	if second, err := look(p); err != nil || strings.Join(first, " ") != strings.Join(second, " ") {
		t.Fatalf("a process has shown %q, and after a crash then there was %q, %v", first, second, orOK(err))
	}
}
