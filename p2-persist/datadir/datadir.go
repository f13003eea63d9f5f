// Package datadir opens what a server of stage 2 keeps in its directory:
//
//	log/     the inputs since the newest checkpoint (package wal)
//	blobs/   immutable blobs in packs (package pack)
//	heads/   the names that lead to them (package head)
package datadir

import (
	"errors"
	"fmt"

	"dss.example/common/disk"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/wal"
)

// ErrDamaged is a log that has lost records that are needed.
var ErrDamaged = errors.New("log is damaged")

// Dir is an open directory. No other process can open it.
type Dir struct {
	Log   *wal.Log
	Blobs *pack.Store
	Heads *head.Store

	parts []func() error // in the order in which they were opened
}

// Open opens what is on a disk, or makes it. Errors: those of the parts; ErrDamaged.
// Close closes the disk, if it can be closed.
func Open(d disk.Disk) (*Dir, error) {
	dir := &Dir{}
	if c, ok := d.(interface{ Close() error }); ok {
		dir.parts = append(dir.parts, c.Close)
	}
	if err := dir.open(disk.FS{Disk: d}); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func (d *Dir) open(fs disk.FS) error {
	log, report, err := wal.Open(fs, "log", wal.Options{})
	if err != nil {
		return err
	}
	d.Log, d.parts = log, append(d.parts, log.Close)
	if report.Lost > 0 {
		return damaged(report)
	}
	if d.Blobs, err = pack.Open(fs, "blobs", pack.Options{}); err != nil {
		return err
	}
	d.parts = append(d.parts, d.Blobs.Close)
	if d.Heads, err = head.Open(fs, "heads", d.Blobs); err != nil {
		return err
	}
	d.parts = append(d.parts, d.Heads.Close)
	return nil
}

// damaged says what is lost, and where.
func damaged(r wal.Report) error {
	for _, d := range r.Damage {
		if d.Lost > 0 {
			return fmt.Errorf("%w: %d of the records %d to %d are lost, the first of them is %d, in %s at byte %d",
				ErrDamaged, r.Lost, r.First, r.Next-1, d.First, d.File, d.Offset)
		}
	}
	return fmt.Errorf("%w: %d of the records %d to %d are lost", ErrDamaged, r.Lost, r.First, r.Next-1)
}

// Close closes all, what was opened last first.
func (d *Dir) Close() error {
	var err error
	for i := len(d.parts) - 1; i >= 0; i-- {
		err = errors.Join(err, d.parts[i]())
	}
	return err
}
