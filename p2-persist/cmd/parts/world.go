package main

import (
	"errors"
	"sync"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/head"
	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

// world is what the parts have around them, all of it at the judge's end, and what they
// have open in it.
type world struct {
	conn *pipe.Conn

	mu      sync.Mutex // held while a callback is under way; protects following
	serving bool       // a request: the judge listens
	life    int        // worlds that were forgotten

	open
}

// open is what is open in a world.
type open struct {
	writer  *segment.Writer
	segment *segment.Segment
	log     *wal.Log
	pack    *pack.Store
	mark    pack.Mark
	heads   *head.Store
	shared  map[blob.ID][]byte // blobs that trees were given and may be given again; nil: none
}

func newWorld(conn *pipe.Conn) *world { return &world{conn: conn} }

// forget is the end of the machine: whatever is open is let go, and its disk is dead.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life++
	w.open = open{}
}

func (w *world) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving = true
}

// end answers the request. Whatever still runs has no world until the next one.
func (w *world) end(answer pipe.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving = false
	return w.conn.Send(answer)
}

var errNoWorld = errors.New("the world is gone, or nobody listens")

// ask sends a callback and returns what the judge answers. One is under way at a time.
func (w *world) ask(life int, m pipe.Message) (pipe.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if life != w.life || !w.serving {
		return m, errNoWorld
	}
	if err := w.conn.Send(m); err != nil {
		return m, err
	}
	answer, err := w.conn.Receive()
	if err == nil {
		err = answer.Err()
	}
	return answer, err
}

// done tells the judge how much of a request is acknowledged.
func (w *world) done(n uint64) error {
	_, err := w.ask(w.life, pipe.Say(pipe.Done, []uint64{n}))
	return err
}

// fs is the judge's disk.
func (w *world) fs() disk.FS { return disk.FS{Disk: &farDisk{w, w.life}} }

// farDisk is the disk of one life.
type farDisk struct {
	w    *world
	life int
}

// Do implements disk.Disk. Without a judge the disk is Dead.
func (d *farDisk) Do(c disk.Call) disk.Result {
	if len(c.Data) > disk.MaxData {
		return disk.Result{Code: disk.BadCall}
	}
	m, err := d.w.ask(d.life, pipe.Say(pipe.Disk, nil, c.AppendTo(nil)))
	if err != nil {
		return disk.Result{Code: disk.Dead}
	}
	r, err := disk.DecodeResult(m.Bytes[0])
	if err != nil {
		return disk.Result{Code: disk.Dead}
	}
	return r
}

// blobs is the judge's store.
func (w *world) blobs() blob.Store { return &farStore{w, w.life} }

// farStore is the store of one life.
type farStore struct {
	w    *world
	life int
}

func (s *farStore) ask(verb string, n []uint64, b ...[]byte) (pipe.Message, error) {
	return s.w.ask(s.life, pipe.Say(verb, n, b...))
}

// Put implements blob.Store.
func (s *farStore) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	if len(b) > blob.MaxSize {
		return blob.ID{}, blob.ErrTooLarge
	}
	m, err := s.ask(pipe.Put, []uint64{uint64(codec)}, b)
	if err != nil {
		return blob.ID{}, err
	}
	return blob.ParseBytes(m.Bytes[0])
}

// Get implements blob.Store.
func (s *farStore) Get(id blob.ID) ([]byte, error) {
	m, err := s.ask(pipe.Get, nil, id[:])
	if err != nil {
		return nil, err
	}
	return m.Bytes[0], nil
}

// Stat implements blob.Store.
func (s *farStore) Stat(ids []blob.ID) ([]blob.Info, error) {
	m, err := s.ask(pipe.Stat, nil, bytesOf(ids)...)
	if err != nil {
		return nil, err
	}
	return infos(ids, m.Numbers), nil
}

// List implements blob.Store.
func (s *farStore) List(after blob.ID, max int) ([]blob.Info, error) {
	m, err := s.ask(pipe.List, []uint64{uint64(max)}, after[:])
	if err != nil {
		return nil, err
	}
	ids, err := m.IDs(0)
	return infos(ids, m.Numbers), err
}

// Sync implements blob.Store.
func (s *farStore) Sync() error { _, err := s.ask(pipe.Sync, nil); return err }

// Delete implements blob.Store.
func (s *farStore) Delete(ids []blob.ID) error {
	_, err := s.ask(pipe.Delete, nil, bytesOf(ids)...)
	return err
}

// Close implements blob.Store.
func (s *farStore) Close() error { return nil }

func bytesOf(ids []blob.ID) (all [][]byte) {
	for _, id := range ids {
		all = append(all, id[:])
	}
	return all
}

// infos joins names and sizes, which are one more than they are, so that none is a
// number too.
func infos(ids []blob.ID, sizes []uint64) (all []blob.Info) {
	for i, id := range ids {
		all = append(all, blob.Info{ID: id, Size: int64(sizes[i]) - 1})
	}
	return all
}

func sizes(all []blob.Info) (n []uint64) {
	for _, in := range all {
		n = append(n, uint64(in.Size+1))
	}
	return n
}
