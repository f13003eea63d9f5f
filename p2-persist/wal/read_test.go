package wal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/p2-persist/wal"
)

// read returns what Read passes on, in words.
func read(d disk.Disk, from, to uint64) (all []string, err error) {
	err = wal.Read(disk.FS{Disk: d}, dir, from, to, func(seq uint64, b []byte) error {
		all = append(all, fmt.Sprintf("%d %s", seq, b))
		return nil
	})
	return all, err
}

// filled returns a log of n records in many segments, and its disk.
func filled(t *testing.T, n int) (*disk.Memory, *wal.Log) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range n {
		add(t, l, fmt.Sprint("record ", i+1))
	}
	require.NoError(t, l.Sync())
	return m, l
}

func TestRecordsAreReadBesideTheLogFromAnyPlace(t *testing.T) {
	m, l := filled(t, 30)
	require.Greater(t, len(files(t, m)), 3)
	add(t, l, "not synced")
	for from := uint64(1); from <= 30; from++ {
		for to := from - 1; to <= 30; to++ {
			got, err := read(m, from, to)
			require.NoError(t, err)
			require.Len(t, got, int(to-from+1))
			for i, text := range got {
				require.Equal(t, fmt.Sprintf("%d record %d", from+uint64(i), from+uint64(i)), text)
			}
		}
	}
	_, err := read(m, 30, 31)
	require.ErrorIs(t, err, wal.ErrDamaged, "the caller has promised that it was synced")
}

func TestReadingEndsWithTheCallersError(t *testing.T) {
	m, _ := filled(t, 30)
	enough, seen := errors.New("enough"), 0
	err := wal.Read(disk.FS{Disk: m}, dir, 5, 20, func(uint64, []byte) error {
		seen++
		return enough
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, 1, seen)
}

func TestWhatIsTrimmedIsNotThereToBeRead(t *testing.T) {
	m, l := filled(t, 30)
	require.NoError(t, l.Trim(20))
	require.NoError(t, l.Sync())
	_, err := read(m, 1, 30)
	require.ErrorIs(t, err, wal.ErrTrimmed)
	got, err := read(m, 20, 30)
	require.NoError(t, err)
	require.Len(t, got, 11)
}

func TestASegmentThatGoesWhileItIsReadIsTrimmed(t *testing.T) {
	m, l := filled(t, 30)
	err := wal.Read(disk.FS{Disk: m}, dir, 1, 30, func(seq uint64, _ []byte) error {
		if seq > 1 {
			return nil
		}
		return errors.Join(l.Trim(30), l.Sync())
	})
	require.ErrorIs(t, err, wal.ErrTrimmed)
}

func TestDamageEndsAReading(t *testing.T) {
	for _, seq := range []uint64{1, 9, 29, 30} {
		m, _ := filled(t, 30)
		require.NoError(t, damage(m, seq))
		_, err := read(m, 1, 30)
		require.ErrorIs(t, err, wal.ErrDamaged, "record %d", seq)
		require.ErrorContains(t, err, fmt.Sprintf("record %d ", seq))
		got, err := read(m, 1, seq-1)
		require.NoError(t, err)
		require.Len(t, got, int(seq-1))
	}
}
