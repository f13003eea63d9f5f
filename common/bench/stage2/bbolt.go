package stage2

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"dss.example/common/blob"
)

// boltBlobs is a bucket of bbolt. A lone caller commits for itself; more of them wait
// for a batch, which is full when all of them are in it.
type boltBlobs struct {
	*bbolt.DB
	commit func(func(*bbolt.Tx) error) error
}

var bucket = []byte("blobs")

// boltDelay bounds how long a batch waits for a caller that does not come.
const boltDelay = time.Millisecond

func openBolt(dir string, callers int) (blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		return nil, err
	}
	db.MaxBatchSize, db.MaxBatchDelay = callers, boltDelay
	if callers == 1 {
		return boltBlobs{db, db.Update}, nil
	}
	return boltBlobs{db, db.Batch}, nil
}

// Put implements blobs.
func (s boltBlobs) Put(b []byte) (blob.ID, error) {
	id := blob.Sum(blob.Raw, b)
	return id, s.put(id, b)
}

func (s boltBlobs) put(id blob.ID, b []byte) error {
	return s.commit(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(id[:], b) })
}

// Get implements blobs.
func (s boltBlobs) Get(id blob.ID) (b []byte, err error) {
	err = s.View(func(tx *bbolt.Tx) error {
		if b = bytes.Clone(tx.Bucket(bucket).Get(id[:])); b == nil { // it is the caller's own, as ours
			return fmt.Errorf("%w: %v", blob.ErrNotFound, id)
		}
		return id.Check(b)
	})
	return b, err
}
