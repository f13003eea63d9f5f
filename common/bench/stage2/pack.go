package stage2

import (
	"errors"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/pack"
)

// packBlobs is ours: what shares a sync is found out by the store.
type packBlobs struct {
	*pack.Store
	dir *disk.Dir
}

func openPack(path string, _ int) (blobs, error) {
	dir, err := disk.OpenDir(path)
	if err != nil {
		return nil, err
	}
	s, err := pack.Open(disk.FS{Disk: dir}, ".", pack.Options{})
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return packBlobs{s, dir}, nil
}

// Put implements blobs.
func (s packBlobs) Put(b []byte) (blob.ID, error) {
	id, err := s.Store.Put(blob.Raw, b)
	if err != nil {
		return id, err
	}
	return id, s.Sync()
}

// Close implements blobs.
func (s packBlobs) Close() error { return errors.Join(s.Store.Close(), s.dir.Close()) }
