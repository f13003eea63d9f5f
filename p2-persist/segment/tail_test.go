package segment_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

func TestAfterACleanCloseEveryFlippedBitIsDamage(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a", "bc", "d")
	require.NoError(t, w.Close())
	want := scan(t, m, 0)
	require.Equal(t, []string{"7 a", "8 b", "9 c", "10 d"}, want.Records)
	for bit := range uint(at4 * 8) {
		flipped := m.Image(disk.KeepAll)
		flipped.Flip(name, int64(bit/8), bit%8)
		got := scan(t, flipped, 0)
		require.EqualValues(t, 11, got.Tail.Next, "bit %d", bit)
		require.NotEqual(t, want.Records, got.Records, "bit %d", bit)
		if bit < at0*8 {
			require.Equal(t, append([]string{"32 bytes at 0 damaged, 0 records from 7"}, want.Records...), got.Records)
			continue
		}
		i := int(bit/8-at0) / recSize
		damaged := slices.Clone(want.Records)
		damaged[i] = words(segment.Record{
			Offset: at0 + recSize*int64(i), Size: recSize, Number: 7 + uint64(i), Lost: 1, Damaged: true,
		})
		require.Equal(t, damaged, got.Records, "bit %d", bit)
	}
}

func TestAFlippedBitOfTheLastSyncIsATailUnlessTheCallerKnowsBetter(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a", "bc", "d")
	for bit := uint(at3 * 8); bit < at4*8; bit++ {
		flipped := m.Image(disk.KeepAll)
		flipped.Flip(name, int64(bit/8), bit%8)
		got := scan(t, flipped, 0)
		require.Equal(t, []string{"7 a", "8 b", "9 c"}, got.Records, "bit %d", bit)
		require.EqualValues(t, at3, got.Tail.End)
		require.Positive(t, got.Tail.Torn, "it is reported")
		if sealed := scan(t, flipped, segment.MaxSize); bit < (at3+segment.HeadSize)*8 {
			require.EqualValues(t, 10, sealed.Tail.Next, "nothing follows: the caller misses a record")
		} else {
			require.Equal(t, "25 bytes at 107 damaged, 1 records from 10", sealed.Records[3])
		}
	}
}

func TestEveryTruncationIsReported(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a", "bc")
	require.NoError(t, w.Close())
	for size := range int64(512) {
		cut := m.Image(disk.KeepAll)
		f, err := disk.FS{Disk: cut}.Open(name)
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size))
		got := scan(t, cut, 0)
		require.True(t, got.Tail.Broken)
		for i, r := range got.Records {
			if size >= at0 {
				require.Equal(t, []string{"7 a", "8 b", "9 c"}[i], r)
			}
		}
	}
}

func TestATornTailIsEverythingBehindTheFirstHole(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "ab")
	add(t, w, rec, "c")
	require.NoError(t, w.Flush())
	add(t, w, rec, "d")
	require.NoError(t, w.Flush())
	put(t, m, at2, make([]byte, recSize)) // a crash has lost the write before the last
	got := scan(t, m, 0)
	require.Empty(t, cmp.Diff(scanned{
		Records: []string{"7 a", "8 b"},
		Tail:    segment.Tail{End: at2, Next: 9, Synced: at2, Torn: 2 * recSize},
	}, got))
	sealed := scan(t, m, segment.MaxSize)
	require.Equal(t, []string{"7 a", "8 b", "25 bytes at 82 damaged, 1 records from 9", "10 d"}, sealed.Records)
}

func TestZerosInWhatWasSyncedAreDamage(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a", "bc", "d")
	put(t, m, at1, make([]byte, 2*recSize))
	require.Equal(t, []string{"7 a", "50 bytes at 57 damaged, 2 records from 8", "10 d"}, scan(t, m, 0).Records)
}

func TestBytesOfAnotherPlaceAreDamage(t *testing.T) {
	m, w := create(t, 512)
	for range 2 { // two of one number and size
		add(t, w, note, "n")
		require.NoError(t, w.Sync())
	}
	batches(t, w, "a", "a", "d")
	b := contents(t, m)
	put(t, m, at1, b[at0:at1])
	put(t, m, at3, b[at2:at3])
	require.Equal(t, []string{
		"note before 7: n", "25 bytes at 57 damaged, 0 records from 7", "7 a", "25 bytes at 107 damaged, 1 records from 8", "9 d",
	}, scan(t, m, 0).Records)
}

func TestBytesOfAnotherSegmentAreDamage(t *testing.T) {
	for _, h := range []segment.Header{{Kind: 't', First: 6}, {Kind: 'u', First: 7}} {
		m, w := create(t, 512)
		batches(t, w, "a", "b", "c", "d")
		other := disk.NewMemory()
		o, err := segment.Create(disk.FS{Disk: other}, name, h, 512)
		require.NoError(t, err)
		require.NoError(t, o.Publish(disk.FS{Disk: other}, name))
		batches(t, o, "a", "b", "c", "d")
		put(t, m, at1, contents(t, other)[at1:at2])
		require.Equal(t, []string{"7 a", "25 bytes at 57 damaged, 1 records from 8", "9 c", "10 d"}, scan(t, m, 0).Records)
		put(t, m, 0, contents(t, other))
		require.Equal(t, []string{"32 bytes at 0 damaged, 0 records from 7"}, scan(t, m, 0).Records, "all of it")
	}
}

func TestACloseMarksOnlyWhatWasSynced(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a")
	add(t, w, rec, "b")
	require.NoError(t, w.Close())
	require.Empty(t, cmp.Diff(scanned{
		Records: []string{"7 a"},
		Tail:    segment.Tail{End: at1, Next: 8, Synced: segment.HeaderSize},
	}, scan(t, m, 0)))
}

func TestResumeErasesTheTailSoThatItNeverComesBack(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a")
	for _, text := range []string{"b", "c", "d"} {
		add(t, w, rec, text)
		require.NoError(t, w.Flush())
	}
	put(t, m, at1, make([]byte, recSize))
	s, err := segment.Open(disk.FS{Disk: m}, name, header)
	require.NoError(t, err)
	tail, err := s.Scan(0, func(segment.Record) error { return nil })
	require.NoError(t, err)
	w, err = s.Resume(tail)
	require.NoError(t, err)
	batches(t, w, "B")
	got := scan(t, m.Crash(disk.KeepNone), segment.MaxSize)
	require.Equal(t, []string{"7 a", "8 B"}, got.Records)
	require.Zero(t, got.Tail.Torn)
}

// After a sync that failed the system shows what it will never write.
func TestResumeMakesDurableWhatAFailedSyncHasLeft(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a")
	m.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Sync {
			return disk.Fault{Code: disk.IO}
		}
		return disk.Fault{}
	})
	add(t, w, rec, "b")
	require.ErrorIs(t, w.Sync(), segment.ErrFailed)
	m = m.Kill()
	s, err := segment.Open(disk.FS{Disk: m}, name, header)
	require.NoError(t, err)
	tail, err := s.Scan(0, func(segment.Record) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, 9, tail.Next)
	_, err = s.Resume(tail)
	require.NoError(t, err)
	require.Equal(t, []string{"7 a", "8 b"}, scan(t, m.Crash(disk.KeepNone), 0).Records)
}

func TestDamageIsBoundedByTheNextRecordHoweverLongItIs(t *testing.T) {
	m, w := create(t, 4<<20)
	batches(t, w, "a")
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	add(t, w, rec, string(noise))
	require.NoError(t, w.Sync())
	batches(t, w, "c", "d")
	put(t, m, at1, bytes.Repeat([]byte{0xff}, segment.HeadSize))
	require.Equal(t, []string{
		"7 a", "1048600 bytes at 57 damaged, 1 records from 8", "9 c", "10 d",
	}, scan(t, m, 0).Records)
}

func FuzzScanNeverInventsARecord(f *testing.F) {
	f.Add(uint16(40), []byte("garbage"), int64(0))
	f.Add(uint16(at1), make([]byte, 25), int64(1<<40))
	f.Add(uint16(0), make([]byte, 32), int64(0))
	m, w := create(f, 512)
	batches(f, w, "a", "bc", "d")
	f.Fuzz(func(t *testing.T, offset uint16, b []byte, synced int64) {
		d := m.Image(disk.KeepAll)
		at := min(int64(offset), 511)
		put(t, d, at, b[:min(len(b), int(512-at))])
		got := scan(t, d, synced)
		require.LessOrEqual(t, got.Tail.Next, uint64(11))
		for _, r := range got.Records {
			good := slices.Contains([]string{"7 a", "8 b", "9 c", "10 d"}, r)
			require.True(t, good || bytes.Contains([]byte(r), []byte("damaged")), "%q", r)
		}
	})
}

func TestAReadThatFailsEndsTheScanWithItsError(t *testing.T) {
	m, w := create(t, 1<<20)
	batches(t, w, "a", "b")
	add(t, w, rec, string(make([]byte, 600<<10)))
	batches(t, w, "d", "e")
	m.Flip(name, at0, 0)
	m.Flip(name, at2+100, 0)
	want := []string{
		"25 bytes at 32 damaged, 1 records from 7", "8 b", "614424 bytes at 82 damaged, 1 records from 9", "10 d", "11 e",
	}
	for call := 1; ; call++ {
		s, err := segment.Open(disk.FS{Disk: m}, name, header)
		require.NoError(t, err)
		start := m.Stats().Calls
		m.Inject(disk.FailAt(disk.IO, start+call))
		var got []string
		_, err = s.Scan(0, func(r segment.Record) error { got = append(got, words(r)); return nil })
		m.Inject(nil)
		if m.Stats().Calls < start+call {
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Greater(t, call, 5)
			return
		}
		require.ErrorIs(t, err, disk.IO)
		require.Equal(t, want[:len(got)], append([]string{}, got...), "nothing wrong before it")
	}
}

func TestASegmentInWhichNothingChecksIsBroken(t *testing.T) {
	for _, fill := range []byte{0, 0xff} {
		m, w := create(t, 512)
		batches(t, w, "a", "b")
		put(t, m, 0, bytes.Repeat([]byte{fill}, 512))
		got := scan(t, m, 0)
		require.True(t, got.Tail.Broken)
		require.Equal(t, []string{"32 bytes at 0 damaged, 0 records from 7"}, got.Records)
		require.EqualValues(t, 7, got.Tail.Next)
	}
}

func TestARecordThatRepeatsANumberIsNoRecord(t *testing.T) {
	m, w := create(t, 512)
	batches(t, w, "a", "b", "c", "d")
	other, o := create(t, 512)
	add(t, o, note, "x")
	add(t, o, note, "y")
	batches(t, o, "a", "b")
	put(t, m, at1, make([]byte, recSize))
	put(t, m, at3, contents(t, other)[at3:at4]) // it has number 8
	require.Empty(t, cmp.Diff(scanned{
		Records: []string{"7 a", "25 bytes at 57 damaged, 1 records from 8", "9 c"},
		Tail:    segment.Tail{End: at3, Next: 10, Synced: at3, Torn: recSize},
	}, scan(t, m, segment.MaxSize)))
}
