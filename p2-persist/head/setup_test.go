package head_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
)

const dir = "heads"

// room is a disk with heads that point into blobs in memory.
type room struct {
	*head.Store
	disk  *disk.Memory
	blobs *blob.Memory
	dir   string
}

func newRoom(t *testing.T) *room {
	t.Helper()
	return newRoomIn(t, dir)
}

func newRoomIn(t *testing.T, dir string) *room {
	t.Helper()
	r := &room{disk: disk.NewMemory(), blobs: blob.NewMemory(), dir: dir}
	r.open(t)
	return r
}

func (r *room) open(t *testing.T) {
	t.Helper()
	var err error
	r.Store, err = head.Open(disk.FS{Disk: r.disk}, r.dir, r.blobs)
	require.NoError(t, err)
}

// crash ends the machine and starts it again with nothing but what is durable.
func (r *room) crash(t *testing.T) {
	t.Helper()
	r.disk, r.blobs = r.disk.Crash(disk.KeepNone), r.blobs.Crash(nil)
	r.open(t)
}

// set points a head to a blob of this text.
func (r *room) set(t *testing.T, name string, old uint64, text string) head.Head {
	t.Helper()
	h, err := r.Set(name, old, r.put(t, text))
	require.NoError(t, err)
	return h
}

func (r *room) put(t *testing.T, text string) blob.ID {
	t.Helper()
	id, err := r.blobs.Put(blob.Raw, []byte(text))
	require.NoError(t, err)
	return id
}

func idOf(text string) blob.ID { return blob.Sum(blob.Raw, []byte(text)) }

// change is one operation of a scenario: what is set to what, or deleted.
type change struct{ name, text string }

// apply makes the changes, and tells how many are done.
func apply(d disk.Disk, ack func(int), changes ...change) error {
	blobs := blob.NewMemory()
	s, err := head.Open(disk.FS{Disk: d}, dir, blobs)
	if err != nil {
		return err
	}
	for i, c := range changes {
		if err := c.apply(s, blobs); err != nil {
			return errors.Join(err, s.Close())
		}
		ack(i + 1)
	}
	return s.Close()
}

func (c change) apply(s *head.Store, blobs *blob.Memory) error {
	if c.text == "" {
		return s.Delete(c.name, head.Any)
	}
	id, err := blobs.Put(blob.Raw, []byte(c.text))
	if err != nil {
		return err
	}
	now, err := s.Get(c.name)
	if err != nil && !errors.Is(err, head.ErrNotFound) {
		return err
	}
	_, err = s.Set(c.name, now.Generation, id)
	return err
}

// holds says what is wrong if a disk does not hold what the first acked changes have
// made, or those and the next one.
func holds(d disk.Disk, acked int, changes ...change) error {
	s, err := head.Open(disk.FS{Disk: d}, dir, blob.NewMemory())
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	heads, err := s.List()
	if err != nil {
		return err
	}
	got := map[string]blob.ID{}
	for _, h := range heads {
		got[h.Name] = h.ID
	}
	for _, n := range []int{acked, min(acked+1, len(changes))} {
		if fmt.Sprint(got) == fmt.Sprint(after(changes[:n])) {
			return nil
		}
	}
	return fmt.Errorf("%v after %d of %v", got, acked, changes)
}

func after(changes []change) map[string]blob.ID {
	heads := map[string]blob.ID{}
	for _, c := range changes {
		if heads[c.name] = idOf(c.text); c.text == "" {
			delete(heads, c.name)
		}
	}
	return heads
}
