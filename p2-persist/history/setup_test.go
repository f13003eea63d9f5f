package history_test

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
)

// world is a history in memory, whose machine can crash.
type world struct {
	history.History
	t     testing.TB
	blobs *blob.Memory
	disk  *disk.Memory
	heads *head.Store
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, blobs: blob.NewMemory(), disk: disk.NewMemory()}
	w.open()
	return w
}

func (w *world) open() {
	heads, err := head.Open(disk.FS{Disk: w.disk}, "heads", w.blobs)
	require.NoError(w.t, err)
	w.heads, w.History = heads, history.New(w.blobs, heads)
}

// crash loses all that is not durable, and opens what is left.
func (w *world) crash() {
	w.blobs, w.disk = w.blobs.Crash(nil), w.disk.Crash(disk.KeepNone)
	w.open()
}

// root puts some bytes that a snapshot can be of.
func (w *world) root(text string) blob.ID {
	id, err := w.blobs.Put(blob.Raw, []byte(text))
	require.NoError(w.t, err)
	return id
}

// commit adds a snapshot to a branch, and demands that it works.
func (w *world) commit(branch, message string, time int64, parents ...blob.ID) blob.ID {
	w.t.Helper()
	id, err := w.Commit(branch, w.snapshot(message, time, parents...))
	require.NoError(w.t, err)
	return id
}

func (w *world) snapshot(message string, time int64, parents ...blob.ID) history.Snapshot {
	return history.Snapshot{
		Root: w.root(message), Parents: parents, Time: time, Author: "Ada", Message: message,
	}
}

// tip returns where a branch is.
func (w *world) tip(branch string) blob.ID {
	w.t.Helper()
	id, err := w.Resolve(branch, time.Time{})
	require.NoError(w.t, err)
	return id
}

// log returns the messages of a Log.
func (w *world) log(from blob.ID) (messages []string) {
	w.t.Helper()
	for e, err := range history.Log(w.blobs, from) {
		require.NoError(w.t, err)
		messages = append(messages, e.Message)
	}
	return messages
}

// line commits n snapshots in a row, a second apart, from second 1 on.
func (w *world) line(branch string, n int) (ids []blob.ID) {
	parents := []blob.ID{}
	for i := range n {
		id := w.commit(branch, fmt.Sprintf("%s %d", branch, i), int64(i+1)*int64(time.Second), parents...)
		ids, parents = append(ids, id), []blob.ID{id}
	}
	return ids
}

// failure returns the last error of a sequence, and how many good things came before it.
func failure[T any](seq iter.Seq2[T, error]) (good int, err error) {
	for _, err = range seq {
		if err == nil {
			good++
		}
	}
	return good, err
}
