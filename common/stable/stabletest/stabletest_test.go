package stabletest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/stable"
	"dss.example/common/stable/stabletest"
)

func TestMemoryKeepsEveryPromise(t *testing.T) {
	stabletest.Run(t, func(*testing.T) stabletest.Disk { return stabletest.NewMemoryDisk() })
}

// wrongDisk opens Memory logs and breaks one promise in what it hands out.
type wrongDisk struct {
	*stabletest.MemoryDisk
	wrong func(log stable.Log, reopened bool) stable.Log
	opens int
}

func (d *wrongDisk) Open() (stable.Log, error) {
	log, err := d.MemoryDisk.Open()
	d.opens++
	return d.wrong(log, d.opens > 1), err
}

// Each of these logs is wrong in one way. The suite must say so, and in the check
// that names the promise.
func TestSuiteFailsEveryWrongLog(t *testing.T) {
	for _, w := range []struct {
		name  string
		check string
		wrong func(log stable.Log, reopened bool) stable.Log
	}{
		{"numbers from 0", "an empty log starts at 1 and replays nothing", from0},
		{"replays newest first", "records are numbered without gaps and replayed in order", backwards},
		{"reads an empty record as damaged", "an empty record is a record", emptyIsDamaged},
		{"takes any size", "a record of the largest size is kept, a larger one refused without a number", anySize},
		{"counts a refused record", "a record of the largest size is kept, a larger one refused without a number", countsRefused},
		{"keeps the caller's slice", "Append copies the caller's bytes", keepsSlice},
		{"swallows the callback's error", "Replay returns the callback's error at once", swallows},
		{"forgets its number when reopened", "a reopened log goes on where it was", restartsNumbers},
		{"Sync does nothing", "a crash loses nothing that was synced", neverSyncs},
		{"a trim loses one record too many", "a synced trim is for good", trimsOneMore},
		{"Trim does nothing", "a synced trim is for good", neverTrims},
		{"trims at once, and too much in a crash", "an unsynced trim loses no record at or after it", trimsOneMore},
		{"restarts at 1 when all is trimmed", "a log that was trimmed to its end keeps its numbers", restartsWhenEmpty},
		{"trims beyond the end", "trimming beyond the end is an error and trims nothing", trimsBeyond},
		{"refuses to trim backwards", "trimming backwards does nothing", refusesBack},
		{"ends at a damaged record", "damage is passed on and does not end the log", endsAtDamage},
		{"skips a damaged record", "damage is passed on and does not end the log", skipsDamage},
		{"hands out a damaged record's bytes", "damage is passed on and does not end the log", damagedBytes},
		{"ignores a failed sync", "a failed sync kills the log", ignoresFailure},
		{"retries a failed sync", "a failed sync kills the log", retries},
		{"takes records when closed", "a closed log answers ErrClosed", openWhenClosed},
	} {
		t.Run(w.name, func(t *testing.T) {
			i := slices.IndexFunc(stabletest.Checks(), func(c stabletest.Check) bool { return c.Name == w.check })
			require.GreaterOrEqual(t, i, 0, "no check of that name")
			err := stabletest.Checks()[i].Run(&wrongDisk{MemoryDisk: stabletest.NewMemoryDisk(), wrong: w.wrong})
			require.Error(t, err)
			t.Log(err)
		})
	}
}

func TestSuiteReportsADiskThatDoesNotOpen(t *testing.T) {
	for _, c := range stabletest.Checks() {
		require.ErrorIs(t, c.Run(brokenDisk{}), errBroken, c.Name)
	}
}

var errBroken = errors.New("broken disk")

type brokenDisk struct{}

func (brokenDisk) Open() (stable.Log, error) { return nil, errBroken }
func (brokenDisk) Crash()                    {}
func (brokenDisk) Damage(uint64) error       { return nil }
func (brokenDisk) FailSync()                 {}

// log is a right log, some of whose methods are replaced.
type log struct {
	stable.Log
	append func([]byte) (uint64, error)
	sync   func() error
	replay func(replayFn) error
	trim   func(uint64) error
	next   func() uint64
}

type replayFn = func(seq uint64, record []byte, damaged bool) error

func (l log) Append(b []byte) (uint64, error) {
	if l.append == nil {
		return l.Log.Append(b)
	}
	return l.append(b)
}

func (l log) Sync() error {
	if l.sync == nil {
		return l.Log.Sync()
	}
	return l.sync()
}

func (l log) Replay(fn func(uint64, []byte, bool) error) error {
	if l.replay == nil {
		return l.Log.Replay(fn)
	}
	return l.replay(fn)
}

func (l log) Trim(seq uint64) error {
	if l.trim == nil {
		return l.Log.Trim(seq)
	}
	return l.trim(seq)
}

func (l log) Next() uint64 {
	if l.next == nil {
		return l.Log.Next()
	}
	return l.next()
}

func from0(l stable.Log, _ bool) stable.Log {
	return log{
		Log:    l,
		append: func(b []byte) (uint64, error) { seq, err := l.Append(b); return seq - 1, err },
		next:   func() uint64 { return l.Next() - 1 },
	}
}

func backwards(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error {
		var all [][]byte
		_ = l.Replay(func(_ uint64, b []byte, _ bool) error { all = append(all, slices.Clone(b)); return nil })
		slices.Reverse(all)
		for i, b := range all {
			if err := fn(uint64(i)+1, b, false); err != nil {
				return err
			}
		}
		return nil
	}}
}

func emptyIsDamaged(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error {
		return l.Replay(func(seq uint64, b []byte, damaged bool) error {
			if len(b) == 0 {
				return fn(seq, nil, true)
			}
			return fn(seq, b, damaged)
		})
	}}
}

func anySize(l stable.Log, _ bool) stable.Log {
	return log{Log: l, append: func(b []byte) (uint64, error) {
		return l.Append(b[:min(len(b), stable.MaxRecord)])
	}}
}

func countsRefused(l stable.Log, _ bool) stable.Log {
	return log{Log: l, append: func(b []byte) (uint64, error) {
		if len(b) > stable.MaxRecord {
			_, _ = l.Append(nil)
		}
		return l.Append(b)
	}}
}

func keepsSlice(l stable.Log, _ bool) stable.Log {
	var kept []byte
	return log{
		Log:    l,
		append: func(b []byte) (uint64, error) { kept = b; return l.Next(), nil },
		sync:   func() error { _, _ = l.Append(kept); return l.Sync() },
		next:   func() uint64 { return l.Next() },
	}
}

func swallows(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error { _ = l.Replay(fn); return nil }}
}

func restartsNumbers(l stable.Log, reopened bool) stable.Log {
	if !reopened {
		return l
	}
	before := l.Next() - 1
	return log{
		Log:    l,
		append: func(b []byte) (uint64, error) { seq, err := l.Append(b); return seq - before, err },
	}
}

func neverSyncs(l stable.Log, _ bool) stable.Log {
	return log{Log: l, sync: func() error { return nil }}
}

func trimsOneMore(l stable.Log, _ bool) stable.Log {
	return log{Log: l, trim: func(seq uint64) error {
		if err := l.Trim(min(seq+1, l.Next())); err != nil {
			return err
		}
		return l.Sync()
	}}
}

func neverTrims(l stable.Log, _ bool) stable.Log {
	return log{Log: l, trim: func(uint64) error { return nil }}
}

func restartsWhenEmpty(l stable.Log, reopened bool) stable.Log {
	empty := reopened && l.Replay(func(uint64, []byte, bool) error { return errBroken }) == nil
	if !empty {
		return l
	}
	return stable.NewMemory()
}

func trimsBeyond(l stable.Log, _ bool) stable.Log {
	return log{Log: l, trim: func(seq uint64) error { return l.Trim(min(seq, l.Next())) }}
}

func refusesBack(l stable.Log, _ bool) stable.Log {
	last := uint64(0)
	return log{Log: l, trim: func(seq uint64) error {
		if seq < last {
			return stable.ErrTrim
		}
		last = seq
		return l.Trim(seq)
	}}
}

func endsAtDamage(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error {
		err := l.Replay(func(seq uint64, b []byte, damaged bool) error {
			if damaged {
				return errBroken
			}
			return fn(seq, b, damaged)
		})
		if errors.Is(err, errBroken) {
			return nil
		}
		return err
	}}
}

func skipsDamage(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error {
		return l.Replay(func(seq uint64, b []byte, damaged bool) error {
			if damaged {
				return nil
			}
			return fn(seq, b, damaged)
		})
	}}
}

func damagedBytes(l stable.Log, _ bool) stable.Log {
	return log{Log: l, replay: func(fn replayFn) error {
		return l.Replay(func(seq uint64, b []byte, damaged bool) error {
			if damaged {
				b = []byte("b?")
			}
			return fn(seq, b, damaged)
		})
	}}
}

func ignoresFailure(l stable.Log, _ bool) stable.Log {
	return log{Log: l, sync: func() error { _ = l.Sync(); return nil }}
}

func retries(l stable.Log, _ bool) stable.Log {
	tries := 0
	return log{Log: l, sync: func() error {
		if tries++; tries == 2 {
			return nil
		}
		return l.Sync()
	}}
}

func openWhenClosed(l stable.Log, _ bool) stable.Log {
	return log{Log: l, append: func(b []byte) (uint64, error) {
		seq, err := l.Append(b)
		if errors.Is(err, stable.ErrClosed) {
			return l.Next(), nil
		}
		return seq, err
	}}
}
