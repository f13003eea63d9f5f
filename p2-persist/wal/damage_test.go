package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

// small returns the disk of a log of three segments whose first two records are trimmed,
// as the machine's end leaves it, and what it holds.
func small(t *testing.T, closed bool) (*disk.Memory, []string) {
	t.Helper()
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range 6 {
		add(t, l, fmt.Sprintf("%40d", i))
		require.NoError(t, l.Sync())
	}
	require.NoError(t, l.Trim(3))
	require.NoError(t, l.Sync())
	add(t, l, "last")
	require.NoError(t, l.Sync())
	want, err := contents(l)
	require.NoError(t, err)
	if closed {
		require.NoError(t, l.Close())
	}
	return m.Crash(disk.KeepAll), want
}

// agrees tells what is wrong with what a damaged log holds: each record is what it was or
// damaged, none is missing in the middle, and it ends where it did, or loses records from
// number mayEnd on.
func agrees(got, want []string, mayEnd int) error {
	texts := map[string]bool{}
	for _, s := range want[:len(want)-1] {
		texts[s] = true
	}
	var last, next int
	for i, s := range got[:len(got)-1] {
		var seq int
		if _, err := fmt.Sscanf(s, "%d", &seq); err != nil || i > 0 && seq != last+1 {
			return fmt.Errorf("%q behind record %d", s, last)
		}
		if trimmed := fmt.Sprintf("%d %40d", seq, seq-1); !texts[s] && s != fmt.Sprint(seq, " damaged") && (seq > 2 || s != trimmed) {
			return fmt.Errorf("%q was never written", s)
		}
		last = seq
	}
	if _, err := fmt.Sscanf(got[len(got)-1], "next %d", &next); err != nil || len(got) > 1 && next != last+1 {
		return fmt.Errorf("%q behind record %d", got[len(got)-1], last)
	}
	if next < mayEnd {
		return fmt.Errorf("ends before %d, want at least %d", next, mayEnd)
	}
	return nil
}

func TestEveryFlippedBitIsReportedAndNeverReadAsGood(t *testing.T) {
	for _, c := range []struct {
		closed bool
		mayEnd int // the records of the last sync may be taken for a tail
	}{{true, 8}, {false, 7}} {
		m, want := small(t, c.closed)
		flips, tails := 0, 0
		for _, name := range files(t, m) {
			b, err := disk.FS{Disk: m}.ReadFile(dir+"/"+name, 1<<20)
			require.NoError(t, err)
			for bit := range uint(len(b) * 8) {
				flipped := m.Image(disk.KeepAll)
				flipped.Flip(dir+"/"+name, int64(bit/8), bit%8)
				l, r := open(t, flipped, tiny)
				got, err := contents(l)
				require.NoError(t, err)
				require.NoError(t, agrees(got, want, c.mayEnd), "%s bit %d: %+v", name, bit, r)
				require.True(t, len(r.Damage) > 0 || r.Torn > 0, "%s bit %d is not reported", name, bit)
				if c.closed && len(r.Damage) == 0 {
					tails++ // behind the mark, or in it
					require.Equal(t, want, got)
				}
				flips++
			}
		}
		require.Greater(t, flips, 6000)
		require.Less(t, tails, flips/4)
	}
}

func TestEveryTruncationIsReportedAndNeverReadAsGood(t *testing.T) {
	m, want := small(t, true)
	for _, name := range files(t, m) {
		for size := range int64(wal.MinSegment) {
			cut := m.Image(disk.KeepAll)
			f, err := disk.FS{Disk: cut}.Open(dir + "/" + name)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(size))
			l, r := open(t, cut, tiny)
			require.NotEmpty(t, r.Damage, "%s cut to %d", name, size)
			got, err := contents(l)
			require.NoError(t, err)
			require.NoError(t, agrees(got, want, 4), "%s cut to %d", name, size)
			require.NoError(t, l.Close())
			l, _ = open(t, cut, tiny)
			holds(t, l, got...)
		}
	}
}

func TestRecordsOfAMissingSegmentAreDamagedNotAbsent(t *testing.T) {
	m, want := small(t, true)
	names := files(t, m)
	require.Len(t, names, 3)
	require.NoError(t, disk.FS{Disk: m}.Remove(dir+"/"+names[0]))
	l, r := open(t, m, tiny)
	require.Empty(t, cmp.Diff([]wal.Damage{{File: dir + "/" + names[1], First: 3, Lost: 2}}, r.Damage))
	holds(t, l, append([]string{"3 damaged", "4 damaged"}, want[2:]...)...)
}

func TestASegmentMissingInTheMiddleIsDamage(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range 6 {
		add(t, l, fmt.Sprintf("%60d", i))
	}
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
	require.NoError(t, disk.FS{Disk: m}.Remove(dir+"/"+files(t, m)[1]))
	l, r := open(t, m, tiny)
	require.EqualValues(t, 2, r.Lost)
	require.Len(t, r.Damage, 1)
	got, err := contents(l)
	require.NoError(t, err)
	require.Equal(t, []string{"3 damaged", "4 damaged"}, got[2:4])
	require.Equal(t, "next 7", got[6])
}

// A crash may bring back some of the segments that were removed.
func TestATrimmedSegmentThatIsMissingIsNoDamage(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range 9 {
		add(t, l, fmt.Sprintf("%60d", i))
	}
	require.NoError(t, l.Trim(8))
	require.NoError(t, l.Sync())
	removed := 0
	back := m.Crash(func(_ int, e disk.Effect) bool {
		if e.Kind == disk.Removed {
			removed++
		}
		return e.Kind != disk.Removed || removed == 2
	})
	require.Equal(t, 3, removed)
	l, r := open(t, back, tiny)
	require.Empty(t, cmp.Diff(wal.Report{Segments: 2, First: 8, Next: 10}, r))
	require.Len(t, files(t, back), 2)
	holds(t, l, fmt.Sprintf("8 %60d", 7), fmt.Sprintf("9 %60d", 8), "next 10")
}

func TestMoreMissingRecordsThanThereCanBeAreAnError(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	require.NoError(t, l.Close())
	name := dir + "/" + files(t, m)[0]
	b, err := disk.FS{Disk: m}.ReadFile(name, 1<<20)
	require.NoError(t, err)
	require.NoError(t, disk.FS{Disk: m}.Replace(dir+"/04611686018427387903.wal", b))
	_, _, err = wal.Open(disk.FS{Disk: m}, dir, tiny)
	require.ErrorIs(t, err, wal.ErrDamaged)
}

func TestAWriteThatWentElsewhereIsDamageAtBothPlaces(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range 2 {
		add(t, l, fmt.Sprintf("%40d", i))
		require.NoError(t, l.Sync())
	}
	m.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Write {
			return disk.Fault{Stray: &disk.Stray{Offset: 70}}
		}
		return disk.Fault{}
	})
	add(t, l, "stray")
	require.NoError(t, l.Sync())
	m.Inject(nil)
	add(t, l, "d")
	require.NoError(t, l.Sync())
	l, r := open(t, m.Crash(disk.KeepNone), tiny)
	require.Len(t, r.Damage, 2)
	holds(t, l, "1 damaged", fmt.Sprintf("2 %40d", 1), "3 damaged", "4 d", "next 5")
}

func TestAReportIsBounded(t *testing.T) {
	m := disk.NewMemory()
	o := wal.Options{SegmentSize: 64 << 10}
	l, _ := open(t, m, o)
	for i := range 2*wal.MaxDamage + 21 {
		add(t, l, fmt.Sprint(i))
		require.NoError(t, l.Sync())
	}
	require.NoError(t, l.Close())
	for i := range wal.MaxDamage + 10 {
		name, r, err := find(m, uint64(2*i+1))
		require.NoError(t, err)
		require.True(t, m.Flip(name, r.Offset+r.Size-1, 0))
	}
	_, r := open(t, m, o)
	require.Len(t, r.Damage, wal.MaxDamage)
	require.Equal(t, 10, r.More)
	require.EqualValues(t, wal.MaxDamage+10, r.Lost)
}

func TestAnErrorOfReadingDoesNotKillTheLog(t *testing.T) {
	m, want := small(t, true)
	l, _ := open(t, m, tiny)
	m.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Read {
			return disk.Fault{Code: disk.IO}
		}
		return disk.Fault{}
	})
	_, err := contents(l)
	require.ErrorIs(t, err, disk.IO)
	m.Inject(nil)
	holds(t, l, want...)
	stop := errors.New("stop")
	require.ErrorIs(t, l.Replay(func(uint64, []byte, bool) error { return stop }), stop)
}

func TestALastSegmentInWhichNothingChecksIsDamageAndStaysAsItIs(t *testing.T) {
	for _, fill := range []byte{0, 0xff} {
		for _, from := range []int64{0, segment.HeaderSize} {
			m, want := small(t, true)
			last := dir + "/" + files(t, m)[2]
			f, err := disk.FS{Disk: m}.Open(last)
			require.NoError(t, err)
			filled := bytes.Repeat([]byte{fill}, wal.MinSegment-int(from))
			_, err = f.WriteAt(filled, from)
			require.NoError(t, err)
			l, r := open(t, m, tiny)
			require.EqualValues(t, 1, r.Lost)
			require.NotEmpty(t, r.Damage)
			want = append(want[:4], "7 damaged", "next 8")
			holds(t, l, want...)
			b, err := f.ReadFull(from, len(filled))
			require.NoError(t, err)
			require.Equal(t, filled, b, "nothing is erased")
			require.NoError(t, l.Close())
			l, _ = open(t, m, tiny)
			holds(t, l, want...)
			add(t, l, "h")
			require.NoError(t, l.Sync())
			l, _ = open(t, m.Crash(disk.KeepNone), tiny)
			holds(t, l, append(want[:5], "8 h", "next 9")...)
		}
	}
}

func TestAReplayThatCannotWriteWhatWasAppendedKillsTheLog(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	add(t, l, "a")
	m.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Write {
			return disk.Fault{Code: disk.NoSpace}
		}
		return disk.Fault{}
	})
	_, err := contents(l)
	require.ErrorIs(t, err, stable.ErrFailed)
	require.ErrorIs(t, err, disk.NoSpace)
	m.Inject(nil)
	require.ErrorIs(t, l.Sync(), stable.ErrFailed)
	require.NoError(t, l.Close())
}

func TestADamagedTrimIsReportedAndCostsNoRecord(t *testing.T) {
	m := disk.NewMemory()
	open(t, m, tiny)
	m = m.Crash(disk.KeepAll) // without the mark of a Close
	require.True(t, m.Flip(dir+"/"+files(t, m)[0], segment.HeaderSize+segment.HeadSize+7, 0))
	l, r := open(t, m, tiny)
	require.Empty(t, cmp.Diff([]wal.Damage{{
		File: dir + "/00000000000000000001.wal", Offset: segment.HeaderSize, Size: segment.HeadSize + 8, First: 1,
	}}, r.Damage))
	holds(t, l, "next 1")
}

func TestATrimBeyondTheRecordsBeforeItIsNotBelieved(t *testing.T) {
	m := disk.NewMemory()
	fs := disk.FS{Disk: m}
	require.NoError(t, fs.MakeDir(dir))
	name := dir + "/00000000000000000001.wal"
	w, err := segment.Create(fs, name, segment.Header{Kind: 'w', First: 1}, wal.MinSegment)
	require.NoError(t, err)
	for _, trim := range [][]byte{{1, 0, 0, 0, 0, 0, 0, 0}, {3, 0, 0, 0, 0, 0, 0, 0}, {0xff}} {
		_, err = w.Append(segment.Note+1, trim)
		require.NoError(t, err)
	}
	_, err = w.Append(1, []byte("a"))
	require.NoError(t, err)
	require.NoError(t, w.Publish(fs, name))
	l, r := open(t, m, tiny)
	require.EqualValues(t, 1, r.First)
	holds(t, l, "1 a", "next 2")
}

func TestDamageInASegmentThatIsNotTheLastCostsNoOtherRecord(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	add(t, l, "a", "b", "c", strings.Repeat("x", 120))
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
	require.NoError(t, damage(m, 2))
	l, _ = open(t, m, tiny)
	holds(t, l, "1 a", "2 damaged", "3 c", "4 "+strings.Repeat("x", 120), "next 5")
}

func TestDamageToTrimmedRecordsIsNotCounted(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	add(t, l, "a", "b", "c")
	require.NoError(t, l.Trim(3))
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
	require.NoError(t, damage(m, 2))
	l, r := open(t, m, tiny)
	require.Len(t, r.Damage, 1)
	require.Zero(t, r.Lost)
	holds(t, l, "3 c", "next 4")
}
