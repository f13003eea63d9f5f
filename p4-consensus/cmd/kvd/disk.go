package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"dss.example/common/daemon"
	"dss.example/common/disk"
	"dss.example/common/stable"

	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/wal"
)

// What a replica keeps:
//
//	replica   whose it is: a line such as "stage 4, replica 1"
//	log/      its records (package wal)
//
// A replica on another's disk would say what that one may not say any more.

const (
	nameFile = "replica"
	maxName  = 100 // bytes
)

// errNotOurs is a data directory that is another's.
var errNotOurs = errors.New("not the data of this replica")

// openLog opens the log on a disk, or makes it. The function that it returns closes both.
// Damaged records are no error here: the replica knows what they may have held.
func openLog(d disk.Disk, c *daemon.Config) (stable.Log, func() error, error) {
	fs := disk.FS{Disk: d}
	if err := claim(fs, c); err != nil {
		return nil, nil, err
	}
	log, report, err := wal.Open(fs, datadir.LogDir, wal.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Data, err)
	}
	if report.Lost > 0 {
		c.Log.Warn("records of the log are damaged: the group has to take this replica up again", "records", report.Lost, "of", report.Next-report.First)
	}
	closeAll := func() error {
		err := log.Close()
		if dir, ok := d.(io.Closer); ok {
			err = errors.Join(err, dir.Close())
		}
		return err
	}
	return log, closeAll, nil
}

// claim sees to it that the disk is this replica's, and an empty one becomes it.
func claim(fs disk.FS, c *daemon.Config) error {
	want := fmt.Sprintf("stage %d, replica %d\n", c.Stage, c.ID)
	got, err := fs.ReadFile(nameFile, maxName)
	switch {
	case err == nil && string(got) == want:
		return nil
	case err == nil:
		return fmt.Errorf("%s: %w: its file %q says %q, want %q", c.Data, errNotOurs, nameFile, got, want)
	case !errors.Is(err, disk.NotFound):
		return fmt.Errorf("%s: %w", c.Data, err)
	}
	names, err := fs.List(".")
	if err != nil {
		return fmt.Errorf("%s: %w", c.Data, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "~") && name != "lost+found/" {
			return fmt.Errorf("%s: %w: it holds %q: want an empty directory, or one that replica %d has made", c.Data, errNotOurs, name, c.ID)
		}
	}
	if err := fs.Replace(nameFile, []byte(want)); err != nil {
		return fmt.Errorf("%s: %w", c.Data, err)
	}
	return nil
}
