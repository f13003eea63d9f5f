package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/common/stable/stabletest"
	"dss.example/p2-persist/wal"
)

// pretended is a stabletest.Disk whose crashes lose what they can.
type pretended struct {
	memory  *disk.Memory
	options wal.Options
}

func (p *pretended) Open() (stable.Log, error) {
	l, _, err := wal.Open(disk.FS{Disk: p.memory}, dir, p.options)
	if l == nil {
		return nil, err
	}
	return l, err
}

func (p *pretended) Crash() { p.memory = p.memory.Crash(disk.KeepNone) }

func (p *pretended) Damage(seq uint64) error { return damage(p.memory, seq) }

func (p *pretended) FailSync() {
	failed := false
	p.memory.Inject(func(_ int, c disk.Call) disk.Fault {
		if failed || c.Op != disk.Sync {
			return disk.Fault{}
		}
		failed = true
		return disk.Fault{Code: disk.IO}
	})
}

// real is a stabletest.Disk in a directory, whose crashes are those of a process.
type real struct {
	t    *testing.T
	path string
	dir  *disk.Dir
	disk *failing
}

func (r *real) start() {
	var err error
	r.dir, err = disk.OpenDir(r.path)
	require.NoError(r.t, err)
	r.disk = &failing{Disk: r.dir}
}

func (r *real) Open() (stable.Log, error) {
	l, _, err := wal.Open(disk.FS{Disk: r.disk}, dir, tiny)
	if l == nil {
		return nil, err
	}
	return l, err
}

func (r *real) Crash() {
	require.NoError(r.t, r.dir.Close())
	r.start()
}

func (r *real) Damage(seq uint64) error { return damage(r.disk, seq) }

func (r *real) FailSync() { r.disk.sync.Store(true) }

func TestLogKeepsEveryPromise(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		stabletest.Run(t, func(*testing.T) stabletest.Disk {
			return &pretended{memory: disk.NewMemory(), options: wal.Options{SegmentSize: 1 << 20}}
		})
	})
	t.Run("memory, tiny segments", func(t *testing.T) {
		stabletest.Run(t, func(*testing.T) stabletest.Disk {
			return &pretended{memory: disk.NewMemory(), options: tiny}
		})
	})
	t.Run("directory", func(t *testing.T) {
		stabletest.Run(t, func(t *testing.T) stabletest.Disk {
			r := &real{t: t, path: t.TempDir()}
			r.start()
			t.Cleanup(func() { require.NoError(t, r.dir.Close()) })
			return r
		})
	})
}
