package segment_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/p2-persist/segment"
)

// The offsets of records of one byte, as batches appends them.
const (
	recSize = segment.HeadSize + 1
	at0     = segment.HeaderSize
	at1     = at0 + recSize
	at2     = at1 + recSize
	at3     = at2 + recSize
	at4     = at3 + recSize
)

func TestRecordsAndNotesAreScannedInOrder(t *testing.T) {
	m, w := create(t, 4096)
	add(t, w, rec, "a")
	add(t, w, note, "about b")
	add(t, w, rec, "")
	_, err := w.Append(rec, []byte("in "), nil, []byte("parts"))
	require.NoError(t, err)
	require.EqualValues(t, 10, w.Next())
	require.NoError(t, w.Sync())
	require.Empty(t, cmp.Diff(scanned{
		Records: []string{"7 a", "note before 8: about b", "8 ", "9 in parts"},
		Tail:    segment.Tail{End: 32 + 4*24 + 1 + 7 + 8, Next: 10, Synced: segment.HeaderSize},
	}, scan(t, m, 0)))
}

func TestARecordLargerThanAllBuffersIsKept(t *testing.T) {
	m, w := create(t, 32<<20)
	large := strings.Repeat("x", segment.MaxPayload)
	add(t, w, rec, "a")
	offset := add(t, w, rec, large)
	add(t, w, rec, "b")
	require.NoError(t, w.Sync())
	r, err := w.Segment().ReadAt(offset, segment.HeadSize+segment.MaxPayload)
	require.NoError(t, err)
	require.True(t, string(r.Payload) == large)
	require.Equal(t, []string{"7 a", "8 " + large[:20], "9 b"}, scan(t, m, 0).Records)
}

func TestWhatDoesNotFitIsRefusedAndChangesNothing(t *testing.T) {
	m, w := create(t, at2+segment.HeadSize)
	add(t, w, rec, "a")
	_, err := w.Append(rec, []byte("bb"))
	require.ErrorIs(t, err, segment.ErrFull)
	_, err = w.Append(rec, make([]byte, segment.MaxPayload), []byte("x"))
	require.ErrorIs(t, err, segment.ErrTooLarge)
	for _, kind := range []segment.Kind{0, 0xff} {
		_, err = w.Append(kind)
		require.ErrorIs(t, err, segment.ErrKind)
	}
	add(t, w, rec, "b")
	require.NoError(t, w.Sync())
	require.NoError(t, w.Close(), "the mark has room")
	require.Equal(t, []string{"7 a", "8 b"}, scan(t, m, 0).Records)
}

func TestSizesOutOfRangeAreRefused(t *testing.T) {
	for _, size := range []int64{-1, 0, segment.HeaderSize + segment.HeadSize - 1, segment.MaxSize + 1} {
		_, err := segment.Create(disk.FS{Disk: disk.NewMemory()}, name, header, size)
		require.ErrorIs(t, err, segment.ErrSize)
	}
}

func TestABatchIsOneWriteAndOneSync(t *testing.T) {
	m, w := create(t, 1<<20)
	before := m.Stats().Calls
	for range 100 {
		add(t, w, rec, "record")
	}
	require.Equal(t, before, m.Stats().Calls)
	require.NoError(t, w.Sync())
	require.Equal(t, before+2, m.Stats().Calls)
	require.NoError(t, w.Sync())
	require.Equal(t, before+2, m.Stats().Calls, "there was nothing to sync")
}

func TestAWriterKeepsOneMegabyteInMemory(t *testing.T) {
	m, w := create(t, 4<<20)
	before := m.Stats().Calls
	add(t, w, rec, strings.Repeat("x", 1<<20))
	require.Equal(t, before+1, m.Stats().Calls)
}

func TestAFailedWriteOrSyncKillsTheWriter(t *testing.T) {
	for op, fault := range map[disk.Op]disk.Fault{disk.Write: {Code: disk.NoSpace, Part: 9}, disk.Sync: {Code: disk.IO}} {
		m, w := create(t, 4096)
		add(t, w, rec, "a")
		m.Inject(func(_ int, c disk.Call) disk.Fault {
			if c.Op == op {
				return fault
			}
			return disk.Fault{}
		})
		err := w.Sync()
		require.ErrorIs(t, err, segment.ErrFailed)
		require.ErrorIs(t, err, fault.Code)
		m.Inject(nil)
		calls := m.Stats().Calls
		_, again := w.Append(rec)
		require.Equal(t, err, again)
		require.Equal(t, err, w.Flush())
		require.Equal(t, err, w.Sync())
		require.Equal(t, calls, m.Stats().Calls, "nothing is retried")
		require.NoError(t, w.Close())
		require.ErrorIs(t, w.Close(), segment.ErrClosed)
	}
}

func TestARecordIsReadByItsPlace(t *testing.T) {
	m, w := create(t, 4096)
	add(t, w, rec, "a")
	offset := add(t, w, note, "bc")
	require.NoError(t, w.Flush())
	r, err := w.Segment().ReadAt(offset, segment.HeadSize+2)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(segment.Record{
		Offset: offset, Size: segment.HeadSize + 2, Kind: note, Number: 8, Payload: []byte("bc"),
	}, r))
	for _, c := range [][2]int64{
		{offset, segment.HeadSize + 1},
		{offset + 1, segment.HeadSize + 1},
		{0, segment.HeadSize},
		{-1, segment.HeadSize},
		{offset, 0},
		{offset, segment.HeadSize + segment.MaxPayload + 1},
		{4096, segment.HeadSize},
		{1 << 62, 1 << 62},
	} {
		_, err := w.Segment().ReadAt(c[0], c[1])
		require.ErrorIs(t, err, segment.ErrDamaged, "%v", c)
	}
	require.True(t, m.Flip(name, offset+segment.HeadSize, 3))
	_, err = w.Segment().ReadAt(offset, segment.HeadSize+2)
	require.ErrorIs(t, err, segment.ErrDamaged)
}

func TestANameIsNeverSeenWithoutAWholeHeader(t *testing.T) {
	m := disk.NewMemory()
	fs := disk.FS{Disk: m}
	w, err := segment.Create(fs, name, header, 4096)
	require.NoError(t, err)
	add(t, w, rec, "a")
	has, err := fs.Exists(name)
	require.NoError(t, err)
	require.False(t, has)
	require.NoError(t, w.Publish(fs, name))
	got := scan(t, m.Crash(disk.KeepNone), 0)
	require.Equal(t, []string{"7 a"}, got.Records)
	require.False(t, got.Tail.Broken)
}

func TestACrashLeavesNoNameWithoutAllThatItNames(t *testing.T) {
	stats, err := crash.Explore(crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			w, err := segment.Create(disk.FS{Disk: d}, name, header, 1024)
			if err == nil {
				_, err = w.Append(rec, make([]byte, 700)) // of more than a sector
			}
			if err == nil {
				err = w.Publish(disk.FS{Disk: d}, name)
			}
			if err == nil {
				ack(1)
			}
			return err
		},
		Check: func(d disk.Disk, acked int) error {
			s, err := segment.Open(disk.FS{Disk: d}, name, header)
			if errors.Is(err, disk.NotFound) && acked == 0 {
				return nil
			}
			if err != nil {
				return err
			}
			tail, err := s.Scan(0, func(segment.Record) error { return nil })
			if err == nil && (tail.Broken || tail.Next != header.First+1) {
				err = fmt.Errorf("found under its name: %+v", tail)
			}
			return errors.Join(err, s.Close())
		},
	}, crash.Options{})
	require.NoError(t, err)
	require.Greater(t, stats.Distinct, 3)
}

func TestAnUnknownVersionIsAnError(t *testing.T) {
	m, _ := create(t, 4096)
	b := contents(t, m)
	b[7] = 2
	put(t, m, 0, b)
	require.Equal(t, []string{"32 bytes at 0 damaged, 0 records from 7"}, scan(t, m, 0).Records, "its checksum is wrong")
	put(t, m, 28, binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b[:28], crc32.MakeTable(crc32.Castagnoli))))
	_, err := segment.Open(disk.FS{Disk: m}, name, header)
	require.ErrorIs(t, err, segment.ErrVersion)
}

func TestTheCallbacksErrorEndsTheScan(t *testing.T) {
	stop := errors.New("stop")
	_, w := create(t, 4096)
	batches(t, w, "abc")
	n := 0
	_, err := w.Segment().Scan(0, func(segment.Record) error { n++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, n)
}
