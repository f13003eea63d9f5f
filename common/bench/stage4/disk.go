package stage4

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"dss.example/common/disk"
	"dss.example/common/stable"

	"dss.example/p2-persist/wal"
)

// countedLog counts its syncs.
type countedLog struct {
	stable.Log
	syncs *atomic.Uint64
}

// Sync implements stable.Log.
func (l countedLog) Sync() error {
	l.syncs.Add(1)
	return l.Log.Sync()
}

// openLog opens the log of replica i: the one that kvd has, or one in memory, whose syncs
// are none.
func openLog(dir string, i int, durable bool, syncs *atomic.Uint64) (stable.Log, func() error, error) {
	if !durable {
		l := stable.NewMemory()
		return l, l.Close, nil
	}
	d, err := disk.OpenDir(replicaDir(dir, i))
	if err != nil {
		return nil, nil, err
	}
	l, _, err := wal.Open(disk.FS{Disk: d}, "log", wal.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return countedLog{l, syncs}, func() error { return errors.Join(l.Close(), d.Close()) }, nil
}

// replicaDir is the directory of replica i.
func replicaDir(dir string, i int) string { return filepath.Join(dir, strconv.Itoa(i+1)) }
