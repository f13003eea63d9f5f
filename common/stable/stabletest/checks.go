package stabletest

import (
	"bytes"
	"errors"
	"fmt"

	"dss.example/common/stable"
)

var (
	errNoRecord = errors.New("no such record on the disk")
	errFromFn   = errors.New("the callback's own error")
)

// Checks returns every promise of a stable.Log, the simplest first.
func Checks() []Check {
	return []Check{
		{"an empty log starts at 1 and replays nothing", checkEmpty},
		{"records are numbered without gaps and replayed in order", checkOrder},
		{"an empty record is a record", checkEmptyRecord},
		{"a record of the largest size is kept, a larger one refused without a number", checkTooLarge},
		{"Append copies the caller's bytes", checkCopy},
		{"Replay returns the callback's error at once", checkReplayError},
		{"a reopened log goes on where it was", checkReopen},
		{"a crash loses nothing that was synced", checkCrash},
		{"a crash leaves a prefix, and numbers go on behind it", checkUnsynced},
		{"a synced trim is for good", checkTrim},
		{"an unsynced trim loses no record at or after it", checkUnsyncedTrim},
		{"a log that was trimmed to its end keeps its numbers", checkTrimAll},
		{"trimming beyond the end is an error and trims nothing", checkTrimBeyond},
		{"trimming backwards does nothing", checkTrimBack},
		{"damage is passed on and does not end the log", checkDamage},
		{"a failed sync kills the log", checkFailedSync},
		{"after a failed sync what was synced before is still there", checkAfterFailure},
		{"a closed log answers ErrClosed", checkClosed},
	}
}

func checkEmpty(d Disk) error {
	s := open(d)
	s.holds(1)
	s.appendSynced("a")
	s.holds(1, "a")
	return s.err
}

func checkOrder(d Disk) error {
	s := open(d)
	for i := range 100 {
		s.append(1+uint64(i), fmt.Sprint("record ", i))
	}
	s.sync()
	s.append(101, "last")
	s.sync()
	records := s.replay()
	if s.err == nil && (len(records) != 101 || records[100].text != "last") {
		return fmt.Errorf("replay gave %d records, want 101 ending in \"last\"", len(records))
	}
	for i, r := range records {
		if r.seq != 1+uint64(i) || i < 100 && r.text != fmt.Sprint("record ", i) {
			return fmt.Errorf("record %d of the replay is number %d, %q", i+1, r.seq, r.text)
		}
	}
	return s.err
}

func checkEmptyRecord(d Disk) error {
	s := open(d)
	s.appendSynced("", "a", "")
	s.crash()
	s.holds(1, "", "a", "")
	return s.err
}

func checkTooLarge(d Disk) error {
	s := open(d)
	large := string(bytes.Repeat([]byte("x"), stable.MaxRecord))
	s.append(1, large)
	_, err := s.log.Append([]byte(large + "x"))
	s.wants("Append of MaxRecord+1 bytes", err, stable.ErrTooLarge)
	s.append(2, "after")
	s.sync()
	s.crash()
	s.holds(1, large, "after")
	return s.err
}

func checkCopy(d Disk) error {
	s := open(d)
	record := []byte("kept")
	_, err := s.log.Append(record)
	s.fail("Append", err)
	copy(record, "lost")
	s.sync()
	s.holds(1, "kept")
	s.crash()
	s.holds(1, "kept")
	return s.err
}

func checkReplayError(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c")
	if s.err != nil {
		return s.err
	}
	calls := 0
	err := s.log.Replay(func(uint64, []byte, bool) error {
		if calls++; calls == 2 {
			return errFromFn
		}
		return nil
	})
	s.wants("Replay", err, errFromFn)
	if s.err == nil && calls != 2 {
		return fmt.Errorf("the callback was called %d times, want 2: its second call failed", calls)
	}
	s.holds(1, "a", "b", "c")
	return s.err
}

func checkReopen(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b")
	s.reopen()
	s.holds(1, "a", "b")
	s.append(3, "c")
	s.sync()
	s.reopen()
	s.holds(1, "a", "b", "c")
	return s.err
}

func checkCrash(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b")
	s.appendSynced("c")
	s.crash()
	s.holds(1, "a", "b", "c")
	s.appendSynced("d")
	s.crash()
	s.crash()
	s.holds(1, "a", "b", "c", "d")
	return s.err
}

func checkUnsynced(d Disk) error {
	s := open(d)
	s.appendSynced("a")
	s.append(2, "b")
	s.append(3, "c")
	s.crash()
	kept := s.replay()
	if s.err == nil && (len(kept) < 1 || len(kept) > 3) {
		return fmt.Errorf("after a crash %d records, want 1 synced and at most 2 others", len(kept))
	}
	var want []string
	for i := range kept {
		want = append(want, []string{"a", "b", "c"}[i])
	}
	s.holds(1, want...)
	s.appendSynced("d")
	s.crash()
	s.holds(1, append(want, "d")...)
	return s.err
}

func checkTrim(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c", "d")
	s.trim(3)
	s.sync()
	s.holds(3, "c", "d")
	s.crash()
	s.holds(3, "c", "d")
	s.append(5, "e")
	s.sync()
	s.reopen()
	s.holds(3, "c", "d", "e")
	return s.err
}

func checkUnsyncedTrim(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c")
	s.trim(3)
	s.holds(3, "c")
	s.crash()
	kept := s.replay()
	if s.err != nil {
		return s.err
	}
	if n := len(kept); n < 1 || n > 3 {
		return fmt.Errorf("after a crash %d records, want 1 to 3", n)
	}
	s.holds(uint64(4-len(kept)), []string{"a", "b", "c"}[3-len(kept):]...)
	return s.err
}

func checkTrimAll(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c")
	s.trim(4)
	s.sync()
	s.holds(4)
	s.reopen()
	s.holds(4)
	s.crash()
	s.holds(4)
	s.append(4, "d")
	s.sync()
	s.crash()
	s.holds(4, "d")
	return s.err
}

func checkTrimBeyond(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b")
	s.wants("Trim to Next()+1", s.log.Trim(4), stable.ErrTrim)
	s.sync()
	s.holds(1, "a", "b")
	s.crash()
	s.holds(1, "a", "b")
	return s.err
}

func checkTrimBack(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c")
	s.trim(3)
	s.sync()
	s.trim(2)
	s.trim(0)
	s.sync()
	s.holds(3, "c")
	s.crash()
	s.holds(3, "c")
	return s.err
}

func checkDamage(d Disk) error {
	s := open(d)
	s.appendSynced("a", "b", "c", "d")
	s.down()
	s.fail("Damage", d.Damage(2))
	s.up()
	records := s.replay()
	if s.err != nil {
		return s.err
	}
	if len(records) != 4 {
		return fmt.Errorf("replay gave %d records, want 4 with number 2 damaged", len(records))
	}
	for i, r := range records {
		want := record{seq: uint64(i) + 1, text: string(rune('a' + i))}
		if i == 1 {
			want = record{seq: 2, damaged: true}
		}
		if r != want {
			return fmt.Errorf("record %d reads as %+v, want %+v", i+1, r, want)
		}
	}
	s.append(5, "e")
	s.sync()
	return s.err
}

func checkFailedSync(d Disk) error {
	s := open(d)
	s.append(1, "a")
	if s.err != nil {
		return s.err
	}
	d.FailSync()
	s.wants("the Sync that fails", s.log.Sync(), stable.ErrFailed)
	s.wants("Sync after a failed one", s.log.Sync(), stable.ErrFailed)
	_, err := s.log.Append([]byte("b"))
	s.wants("Append after a failed Sync", err, stable.ErrFailed)
	s.wants("Trim after a failed Sync", s.log.Trim(1), stable.ErrFailed)
	err = s.log.Replay(func(uint64, []byte, bool) error { return nil })
	s.wants("Replay after a failed Sync", err, stable.ErrFailed)
	return s.err
}

func checkAfterFailure(d Disk) error {
	s := open(d)
	s.appendSynced("a")
	s.append(2, "b")
	if s.err != nil {
		return s.err
	}
	d.FailSync()
	s.wants("the Sync that fails", s.log.Sync(), stable.ErrFailed)
	s.crash()
	kept := s.replay()
	if s.err != nil {
		return s.err
	}
	if n := len(kept); n < 1 || n > 2 {
		return fmt.Errorf("%d records, want the synced one and perhaps the other", n)
	}
	s.holds(1, []string{"a", "b"}[:len(kept)]...)
	return s.err
}

func checkClosed(d Disk) error {
	s := open(d)
	s.appendSynced("a")
	if s.err != nil {
		return s.err
	}
	s.fail("Close", s.log.Close())
	_, err := s.log.Append([]byte("b"))
	s.wants("Append after Close", err, stable.ErrClosed)
	s.wants("Sync after Close", s.log.Sync(), stable.ErrClosed)
	s.wants("Trim after Close", s.log.Trim(1), stable.ErrClosed)
	err = s.log.Replay(func(uint64, []byte, bool) error { return nil })
	s.wants("Replay after Close", err, stable.ErrClosed)
	s.up()
	s.holds(1, "a")
	return s.err
}
