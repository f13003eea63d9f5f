// Package datadir opens what stage 2 keeps in a directory:
//
//	blobs/   immutable blobs in packs (package pack)
//	heads/   the names that lead to them (package head)
//	log/     a server's inputs since its newest checkpoint (package wal)
//
// A directory that no server uses, only a person who takes snapshots, has no log.
package datadir

import (
	"errors"
	"fmt"

	"dss.example/common/disk"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/wal"
)

// LogDir is where the log is, for who reads it beside its owner (wal.Read).
const LogDir = "log"

// ErrDamaged is a log that has lost records that are needed.
var ErrDamaged = errors.New("log is damaged")

// Store is blobs and the heads that lead to them, open. No other process can open them.
type Store struct {
	Blobs *pack.Store
	Heads *head.Store

	parts []func() error // in the order in which they were opened
}

// Dir is all that a server keeps, open. No other process can open it.
type Dir struct {
	*Store
	Log  *wal.Log
	Lost uint64 // records of the log that are damaged or missing, none of them needed
}

// OpenStore opens the blobs and the heads on a disk, or makes them. A log that is there
// is left alone. Errors: those of the parts. Close closes the disk, if it can be closed.
func OpenStore(d disk.Disk, o pack.Options) (_ *Store, err error) {
	s := &Store{}
	defer s.closeIf(&err)
	if c, ok := d.(interface{ Close() error }); ok {
		s.parts = append(s.parts, c.Close)
	}
	fs := disk.FS{Disk: d}
	if s.Blobs, err = pack.Open(fs, "blobs", o); err != nil {
		return nil, err
	}
	s.parts = append(s.parts, s.Blobs.Close)
	if _, err = s.Blobs.Mark(); err != nil { // a collector can tell now what is put from here on
		return nil, err
	}
	if s.Heads, err = head.Open(fs, "heads", s.Blobs); err != nil {
		return nil, err
	}
	s.parts = append(s.parts, s.Heads.Close)
	return s, nil
}

// Open opens what a server has on a disk, or makes it; it needs all of the log. Errors:
// those of the parts; ErrDamaged. Close closes the disk, if it can be closed.
func Open(d disk.Disk) (*Dir, error) {
	s, err := OpenStore(d, pack.Options{})
	if err != nil {
		return nil, err
	}
	dir, err := s.OpenLog(d, 1)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return dir, nil
}

// OpenLog opens the log on the disk of a Store, or makes it. Damage to records before the
// first that is needed is no error: Dir.Lost counts them. Close closes both. Errors: those
// of wal.Open; ErrDamaged. After an error the Store is open still.
func (s *Store) OpenLog(d disk.Disk, needed uint64) (*Dir, error) {
	log, report, err := wal.Open(disk.FS{Disk: d}, LogDir, wal.Options{})
	if err != nil {
		return nil, err
	}
	if err := damaged(report, needed); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.parts = append(s.parts, log.Close)
	return &Dir{Store: s, Log: log, Lost: report.Lost}, nil
}

// damaged says what is lost of the records from needed on, and where. Damage that is not
// listed may be anywhere.
func damaged(r wal.Report, needed uint64) error {
	for _, d := range r.Damage {
		if d.Lost > 0 && d.First+d.Lost > needed {
			return fmt.Errorf("%w: %d of the records %d to %d are lost, the first of them that is needed is %d, in %s at byte %d",
				ErrDamaged, r.Lost, r.First, r.Next-1, max(d.First, needed), d.File, d.Offset)
		}
	}
	if r.More > 0 && r.Lost > 0 {
		return fmt.Errorf("%w: %d of the records %d to %d are lost", ErrDamaged, r.Lost, r.First, r.Next-1)
	}
	return nil
}

// History is the snapshots, branches and tags of the store.
func (s *Store) History() history.History { return history.New(s.Blobs, s.Heads) }

// Close closes all, what was opened last first.
func (s *Store) Close() error {
	var err error
	for i := len(s.parts) - 1; i >= 0; i-- {
		err = errors.Join(err, s.parts[i]())
	}
	return err
}

// closeIf closes what is open already if opening the rest has failed.
func (s *Store) closeIf(err *error) {
	if *err != nil {
		*err = errors.Join(*err, s.Close())
	}
}
