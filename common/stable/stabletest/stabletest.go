// Package stabletest holds the conformance suite of stable.Log: what every log
// must do whatever it is made of. [Run] is the suite; a [Check] is one promise.
package stabletest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/stable"
)

// Disk is where one log lives, fresh and empty at first. At most one log is open
// on it at a time.
type Disk interface {
	// Open opens what the disk holds. The log that was open before has been
	// closed, has failed, or went down in a crash.
	Open() (stable.Log, error)

	// Crash ends the open log at once. As much as possible of what was not synced
	// is lost.
	Crash()

	// Damage loses the bytes of one record that the disk holds, and of no other,
	// while no log is open.
	Damage(seq uint64) error

	// FailSync makes the next Sync of the open log fail.
	FailSync()
}

// Check is one promise of a stable.Log.
type Check struct {
	Name string                // the promise, in words
	Run  func(disk Disk) error // on an empty disk; nil if the promise is kept
}

// Run tests that logs on the disks that fresh makes keep every promise. Each
// check has an empty disk of its own.
func Run(t *testing.T, fresh func(t *testing.T) Disk) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, c.Run(fresh(t))) })
	}
}

// MemoryDisk is a Disk under a stable.Memory.
type MemoryDisk struct{ log *stable.Memory }

// NewMemoryDisk returns an empty disk.
func NewMemoryDisk() *MemoryDisk { return &MemoryDisk{log: stable.NewMemory()} }

// Open implements Disk. What was appended before a Close survives it, synced or
// not.
func (d *MemoryDisk) Open() (stable.Log, error) {
	d.log = d.log.Crash(d.log.Unsynced())
	return d.log, nil
}

// Crash implements Disk.
func (d *MemoryDisk) Crash() { d.log = d.log.Crash(0) }

// Damage implements Disk.
func (d *MemoryDisk) Damage(seq uint64) error {
	if !d.log.Damage(seq) {
		return errNoRecord
	}
	return nil
}

// FailSync implements Disk.
func (d *MemoryDisk) FailSync() { d.log.FailSync() }
