package judged

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/pack"
)

// farPack is a store of the submission's, as a blob.Store. Calls go one after the other.
type farPack struct {
	mu *sync.Mutex // of the part
	p  *part
}

func (s farPack) ask(verb string, n []uint64, b ...[]byte) (pipe.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p.ask(verb, n, b...)
}

// one is the one byte string of an answer.
func one(m pipe.Message, err error) ([]byte, error) {
	if err == nil && len(m.Bytes) != 1 {
		err = pipe.ErrPipe
	}
	if err != nil {
		return nil, err
	}
	return m.Bytes[0], nil
}

// Put implements blob.Store.
func (s farPack) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	id, err := one(s.ask("pack.put", words(uint64(codec)), b))
	return idOf(id), err
}

// Get implements blob.Store.
func (s farPack) Get(id blob.ID) ([]byte, error) { return one(s.ask("pack.get", nil, id[:])) }

// Stat implements blob.Store.
func (s farPack) Stat(ids []blob.ID) ([]blob.Info, error) {
	return infos(s.ask("pack.stat", nil, raw(ids)...))
}

// List implements blob.Store.
func (s farPack) List(after blob.ID, max int) ([]blob.Info, error) {
	return infos(s.ask("pack.list", words(uint64(max)), after[:]))
}

// Sync implements blob.Store.
func (s farPack) Sync() error { _, err := s.ask("pack.sync", nil); return err }

// Delete implements blob.Store.
func (s farPack) Delete(ids []blob.ID) error {
	_, err := s.ask("pack.delete", nil, raw(ids)...)
	return err
}

// Close implements blob.Store.
func (s farPack) Close() error { _, err := s.ask("pack.close", nil); return err }

func raw(ids []blob.ID) (all [][]byte) {
	for _, id := range ids {
		all = append(all, id[:])
	}
	return all
}

func infos(m pipe.Message, err error) (all []blob.Info, _ error) {
	if err == nil && len(m.Numbers) != len(m.Bytes) {
		err = pipe.ErrPipe
	}
	if err != nil {
		return nil, err
	}
	for i, b := range m.Bytes {
		all = append(all, blob.Info{ID: idOf(b), Size: int64(m.Numbers[i]) - 1})
	}
	return all, nil
}

// packDisk is a blobtest.Disk in the judge, with the store at the far end.
type packDisk struct {
	p      *part
	memory *disk.Memory
}

func newPackDisk(p *part) *packDisk {
	d := &packDisk{p: p, memory: disk.NewMemory()}
	if err := p.enter(d.memory); err != nil {
		p.t.Fatalf("%v", err)
	}
	return d
}

// packSize makes packs so small that a few blobs fill one.
const packSize = pack.MinPackSize

// Open implements blobtest.Disk.
func (d *packDisk) Open() (blob.Store, error) {
	_, err := d.p.ask("pack.open", words(packSize))
	return farPack{&sync.Mutex{}, d.p}, err
}

// Crash implements blobtest.Disk. The process ends too.
func (d *packDisk) Crash() {
	d.memory = d.memory.Crash(disk.KeepNone)
	d.p.reboot()
	_ = d.p.enter(d.memory) // Open tells
}

// FailSync implements blobtest.Disk.
func (d *packDisk) FailSync() { d.memory.Inject(failOnce(disk.Fault{Code: disk.IO}, disk.Sync)) }

// Damage implements blobtest.Disk.
func (d *packDisk) Damage(id blob.ID) error {
	name, at, err := findBlob(d.memory, id)
	if err == nil && !d.memory.Flip(name, at, 2) {
		err = fmt.Errorf("no byte %d in %s", at, name)
	}
	return err
}

// findBlob returns where the first byte of the newest record of a blob is.
func findBlob(d disk.Disk, id blob.ID) (string, int64, error) {
	fs := disk.FS{Disk: d}
	names, err := fs.List("blobs")
	for _, name := range slices.Backward(names) {
		if !strings.HasPrefix(name, "pack-") {
			continue
		}
		b, err := fs.ReadFile("blobs/"+name, 1<<30)
		if err != nil {
			return "", 0, err
		}
		if at := bytes.LastIndex(b, id[:]); at >= 0 {
			return "blobs/" + name, int64(at + blob.IDSize + 4), nil
		}
	}
	return "", 0, errors.Join(err, fmt.Errorf("%v stands nowhere", id))
}
