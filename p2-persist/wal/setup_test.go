package wal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

const dir = "log"

var tiny = wal.Options{SegmentSize: wal.MinSegment}

func open(t testing.TB, d disk.Disk, o wal.Options) (*wal.Log, wal.Report) {
	t.Helper()
	l, r, err := wal.Open(disk.FS{Disk: d}, dir, o)
	require.NoError(t, err)
	return l, r
}

func add(t testing.TB, l stable.Log, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := l.Append([]byte(text))
		require.NoError(t, err)
	}
}

// contents is what a log holds, in words, with the number of the next record.
func contents(l stable.Log) ([]string, error) {
	var all []string
	err := l.Replay(func(seq uint64, b []byte, damaged bool) error {
		if damaged {
			b = []byte("damaged")
		}
		all = append(all, fmt.Sprintf("%d %s", seq, b))
		return nil
	})
	return append(all, fmt.Sprintf("next %d", l.Next())), err
}

func holds(t testing.TB, l stable.Log, want ...string) {
	t.Helper()
	got, err := contents(l)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// files returns the names of the segments.
func files(t testing.TB, d disk.Disk) []string {
	t.Helper()
	names, err := disk.FS{Disk: d}.List(dir)
	require.NoError(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".wal") })
}

// find returns the file and the place of a record.
func find(d disk.Disk, seq uint64) (string, segment.Record, error) {
	fs := disk.FS{Disk: d}
	names, err := fs.List(dir)
	if err != nil {
		return "", segment.Record{}, err
	}
	for _, name := range names {
		var first uint64
		if _, err := fmt.Sscanf(name, "%d.wal", &first); err != nil {
			continue
		}
		s, err := segment.Open(fs, dir+"/"+name, segment.Header{Kind: 'w', First: first})
		if err != nil {
			return "", segment.Record{}, err
		}
		var found segment.Record
		_, err = s.Scan(0, func(r segment.Record) error {
			if r.Kind < segment.Note && r.Number == seq && !r.Damaged {
				found = r
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil || found.Size > 0 {
			return dir + "/" + name, found, err
		}
	}
	return "", segment.Record{}, fmt.Errorf("no record %d", seq)
}

// damage loses the head of a record, so that not even its length can be read.
func damage(d disk.Disk, seq uint64) error {
	name, r, err := find(d, seq)
	if err != nil {
		return err
	}
	f, err := disk.FS{Disk: d}.Open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, seq*0x9e3779b97f4a7c15), r.Offset)
	return errors.Join(err, f.Sync(), f.Close())
}

// failing is a disk whose next sync can fail.
type failing struct {
	disk.Disk
	sync atomic.Bool
}

func (f *failing) Do(c disk.Call) disk.Result {
	if c.Op == disk.Sync && f.sync.CompareAndSwap(true, false) {
		return disk.Result{Code: disk.IO}
	}
	return f.Disk.Do(c)
}
