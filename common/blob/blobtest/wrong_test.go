package blobtest_test

import (
	"sync"

	"dss.example/common/blob"
	"dss.example/common/blob/blobtest"
)

// wrongDisk opens Memory stores and breaks one promise in what it hands out.
type wrongDisk struct {
	*blobtest.MemoryDisk
	wrong func(blob.Store, *past) blob.Store
	past  past
}

// past is what a wrong store remembers from one opening to the next.
type past struct {
	mu      sync.Mutex // guards all below
	opens   int
	damaged []blob.ID
	blobs   map[blob.ID][]byte
	count   int
}

func (d *wrongDisk) Open() (blob.Store, error) {
	s, err := d.MemoryDisk.Open()
	d.past.opens++
	if d.past.blobs == nil {
		d.past.blobs = map[blob.ID][]byte{}
	}
	return d.wrong(s, &d.past), err
}

func (d *wrongDisk) Damage(id blob.ID) error {
	d.past.damaged = append(d.past.damaged, id)
	return d.MemoryDisk.Damage(id)
}

// store is a right store, some of whose methods are replaced.
type store struct {
	blob.Store
	put    func(blob.Codec, []byte) (blob.ID, error)
	get    func(blob.ID) ([]byte, error)
	stat   func([]blob.ID) ([]blob.Info, error)
	list   func(blob.ID, int) ([]blob.Info, error)
	sync   func() error
	delete func([]blob.ID) error
}

func (s store) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	if s.put == nil {
		return s.Store.Put(codec, b)
	}
	return s.put(codec, b)
}

func (s store) Get(id blob.ID) ([]byte, error) {
	if s.get == nil {
		return s.Store.Get(id)
	}
	return s.get(id)
}

func (s store) Stat(ids []blob.ID) ([]blob.Info, error) {
	if s.stat == nil {
		return s.Store.Stat(ids)
	}
	return s.stat(ids)
}

func (s store) List(after blob.ID, max int) ([]blob.Info, error) {
	if s.list == nil {
		return s.Store.List(after, max)
	}
	return s.list(after, max)
}

func (s store) Sync() error {
	if s.sync == nil {
		return s.Store.Sync()
	}
	return s.sync()
}

func (s store) Delete(ids []blob.ID) error {
	if s.delete == nil {
		return s.Store.Delete(ids)
	}
	return s.delete(ids)
}
