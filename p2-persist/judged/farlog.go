package judged

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/disk"
	"dss.example/common/stable"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/segment"
)

// farLog is a log of the submission's, as a stable.Log.
type farLog struct{ p *part }

func openLog(p *part, size uint64) (stable.Log, []uint64, error) {
	m, err := p.ask("wal.open", words(size))
	if err == nil && len(m.Numbers) != 6 {
		err = pipe.ErrPipe
	}
	if err != nil {
		return nil, nil, err
	}
	return farLog{p}, m.Numbers, nil
}

// number is the one number of an answer.
func number(m pipe.Message, err error) (uint64, error) {
	if err == nil && len(m.Numbers) != 1 {
		err = pipe.ErrPipe
	}
	if err != nil {
		return 0, err
	}
	return m.Numbers[0], nil
}

// Append implements stable.Log.
func (l farLog) Append(b []byte) (uint64, error) { return number(l.p.ask("wal.append", nil, b)) }

// Sync implements stable.Log.
func (l farLog) Sync() error { return l.do("wal.sync") }

// Trim implements stable.Log.
func (l farLog) Trim(seq uint64) error { return l.do("wal.trim", seq) }

// Close implements stable.Log.
func (l farLog) Close() error { return l.do("wal.close") }

func (l farLog) do(verb string, n ...uint64) error {
	_, err := l.p.ask(verb, n)
	return err
}

// Next implements stable.Log.
func (l farLog) Next() uint64 {
	n, _ := number(l.p.ask("wal.next", nil)) // nobody there: 0, which is wrong
	return n
}

// Replay implements stable.Log.
func (l farLog) Replay(fn func(seq uint64, record []byte, damaged bool) error) error {
	m, err := l.p.ask("wal.replay", nil)
	if err == nil && len(m.Numbers) != 2*len(m.Bytes) {
		err = pipe.ErrPipe
	}
	if err != nil {
		return err
	}
	for i, b := range m.Bytes {
		if err := fn(m.Numbers[2*i], b, m.Numbers[2*i+1] != 0); err != nil {
			return err
		}
	}
	return nil
}

// logDisk is a stabletest.Disk in the judge, with the log at the far end.
type logDisk struct {
	p      *part
	memory *disk.Memory
	size   uint64
}

func newLogDisk(p *part, size uint64) *logDisk {
	d := &logDisk{p: p, memory: disk.NewMemory(), size: size}
	if err := p.enter(d.memory); err != nil {
		p.t.Fatalf("%v", err)
	}
	return d
}

// Open implements stabletest.Disk.
func (d *logDisk) Open() (stable.Log, error) {
	l, _, err := openLog(d.p, d.size)
	return l, err
}

// Crash implements stabletest.Disk. The process ends too.
func (d *logDisk) Crash() {
	d.memory = d.memory.Crash(disk.KeepNone)
	d.p.reboot()
	_ = d.p.enter(d.memory) // Open tells
}

// FailSync implements stabletest.Disk.
func (d *logDisk) FailSync() { d.memory.Inject(failOnce(disk.Fault{Code: disk.IO}, disk.Sync)) }

// Damage implements stabletest.Disk: not even the record's length can be read then.
func (d *logDisk) Damage(seq uint64) error {
	name, at, err := findRecord(d.memory, seq)
	if err != nil {
		return err
	}
	f, err := disk.FS{Disk: d.memory}.Open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, seq*0x9e3779b97f4a7c15), at)
	return errors.Join(err, f.Sync(), f.Close())
}

// segmentsOf returns the names of the log's segments.
func segmentsOf(d disk.Disk) ([]string, error) {
	names, err := disk.FS{Disk: d}.List("log")
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".wal") }), err
}

// findRecord returns the file and the offset of a record.
func findRecord(d disk.Disk, seq uint64) (name string, at int64, err error) {
	names, err := segmentsOf(d)
	if err != nil {
		return "", 0, err
	}
	at = -1
	for _, file := range names {
		var first uint64
		_, _ = fmt.Sscanf(file, "%d.wal", &first) // 0: it is none
		s, err := segment.Open(disk.FS{Disk: d}, "log/"+file, segment.Header{Kind: 'w', First: first})
		if err != nil {
			return "", 0, err
		}
		_, err = s.Scan(0, func(r segment.Record) error {
			if r.Kind < segment.Note && r.Number == seq && !r.Damaged {
				name, at = "log/"+file, r.Offset
			}
			return nil
		})
		if err = errors.Join(err, s.Close()); err != nil {
			return "", 0, err
		}
	}
	if at < 0 {
		return "", 0, fmt.Errorf("record %d stands nowhere", seq)
	}
	return name, at, nil
}
