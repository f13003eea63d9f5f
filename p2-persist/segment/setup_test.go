package segment_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

const (
	name = "seg"
	rec  = segment.Kind(1)
	note = segment.Note + 1
)

var header = segment.Header{Kind: 't', First: 7}

// create makes a published segment on a new disk.
func create(t testing.TB, size int64) (*disk.Memory, *segment.Writer) {
	t.Helper()
	m := disk.NewMemory()
	w, err := segment.Create(disk.FS{Disk: m}, name, header, size)
	require.NoError(t, err)
	require.NoError(t, w.Publish(disk.FS{Disk: m}, name))
	return m, w
}

func add(t testing.TB, w *segment.Writer, kind segment.Kind, text string) int64 {
	t.Helper()
	offset, err := w.Append(kind, []byte(text))
	require.NoError(t, err)
	return offset
}

// batches appends records of one letter each, and syncs after each batch.
func batches(t testing.TB, w *segment.Writer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, letter := range text {
			add(t, w, rec, string(letter))
		}
		require.NoError(t, w.Sync())
	}
}

// scanned is what a segment holds, in words.
type scanned struct {
	Records []string
	Tail    segment.Tail
}

func scan(t testing.TB, d disk.Disk, synced int64) scanned {
	t.Helper()
	s, err := segment.Open(disk.FS{Disk: d}, name, header)
	require.NoError(t, err)
	var got scanned
	got.Tail, err = s.Scan(synced, func(r segment.Record) error {
		got.Records = append(got.Records, words(r))
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return got
}

func words(r segment.Record) string {
	switch {
	case r.Damaged:
		return fmt.Sprintf("%d bytes at %d damaged, %d records from %d", r.Size, r.Offset, r.Lost, r.Number)
	case r.Kind >= segment.Note:
		return fmt.Sprintf("note before %d: %s", r.Number, r.Payload)
	}
	return fmt.Sprintf("%d %.20s", r.Number, r.Payload)
}

// put overwrites bytes of the file.
func put(t testing.TB, d disk.Disk, offset int64, b []byte) {
	t.Helper()
	f, err := disk.FS{Disk: d}.Open(name)
	require.NoError(t, err)
	_, err = f.WriteAt(b, offset)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

func contents(t testing.TB, d disk.Disk) []byte {
	t.Helper()
	b, err := disk.FS{Disk: d}.ReadFile(name, segment.MaxSize)
	require.NoError(t, err)
	return bytes.Clone(b)
}
