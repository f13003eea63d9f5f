package datadir

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"dss.example/common/disk"
	"dss.example/common/machine"
	"dss.example/p2-persist/wal"
)

// Replica is what one replica of a later stage keeps, open:
//
//	replica   whose it is: a line such as "stage 4, replica 1"
//	log/      its records (package wal)
//
// A replica on another's disk would say what that one may not say any more. No other process
// can open it.
type Replica struct {
	Log     *wal.Log
	Lost    uint64 // records of the log that are damaged or missing
	Records uint64 // in the log, those that are lost too

	disk disk.Disk
}

const (
	nameFile = "replica"
	maxName  = 100 // bytes
)

// ErrNotOurs is a directory that is not this replica's.
var ErrNotOurs = errors.New("not the data of this replica")

// OpenReplica opens what the replica of that number has on a disk, or makes it on an empty one.
// Damaged records are no error here: the replica knows what they may have held. Errors: those
// of wal.Open and of the disk; ErrNotOurs. Close, and an error, close the disk, if it can be
// closed.
func OpenReplica(d disk.Disk, stage int, id machine.Node) (_ *Replica, err error) {
	r := &Replica{disk: d}
	fs := disk.FS{Disk: d}
	if err := claim(fs, stage, id); err != nil {
		return nil, errors.Join(err, r.closeDisk())
	}
	log, report, err := wal.Open(fs, LogDir, wal.Options{})
	if err != nil {
		return nil, errors.Join(err, r.closeDisk())
	}
	r.Log, r.Lost, r.Records = log, report.Lost, report.Next-report.First
	return r, nil
}

// Close closes the log, and then the disk.
func (r *Replica) Close() error { return errors.Join(r.Log.Close(), r.closeDisk()) }

func (r *Replica) closeDisk() error {
	if c, ok := r.disk.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// claim sees to it that the disk is this replica's, and an empty one becomes it.
func claim(fs disk.FS, stage int, id machine.Node) error {
	want := fmt.Sprintf("stage %d, replica %d\n", stage, id)
	got, err := fs.ReadFile(nameFile, maxName)
	switch {
	case err == nil && string(got) == want:
		return nil
	case err == nil:
		return fmt.Errorf("%w: its file %q says %q, want %q", ErrNotOurs, nameFile, got, want)
	case !errors.Is(err, disk.NotFound):
		return err
	}
	names, err := fs.List(".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "~") && name != "lost+found/" {
			return fmt.Errorf("%w: it holds %q: want an empty directory, or one that replica %d has made", ErrNotOurs, name, id)
		}
	}
	return fs.Replace(nameFile, []byte(want))
}
