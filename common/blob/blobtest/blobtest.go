// Package blobtest holds the conformance suite of blob.Store: what every store must do
// whatever it is made of. [Run] is the suite; a [Check] is one promise.
package blobtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
)

// Disk is where one store lives, fresh and empty at first. At most one store is open on
// it at a time.
type Disk interface {
	// Open opens what the disk holds. The store that was open before has been closed
	// or went down in a crash.
	Open() (blob.Store, error)

	// Crash ends the open store at once. As much as possible of what was not synced
	// is lost, or as much as a test likes to lose.
	Crash()

	// Damage flips at least one bit of the bytes of one blob that the disk holds,
	// which are not empty, and of no other, while no store is open.
	Damage(id blob.ID) error

	// FailSync makes the next Sync of the open store fail.
	FailSync()
}

// Check is one promise of a blob.Store.
type Check struct {
	Name string                // the promise, in words
	Run  func(disk Disk) error // on an empty disk; nil if the promise is kept
}

// Run tests that stores on the disks that fresh makes keep every promise. Each check has
// an empty disk of its own.
func Run(t *testing.T, fresh func(t *testing.T) Disk) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, c.Run(fresh(t))) })
	}
}

// MemoryDisk is a Disk under a blob.Memory.
type MemoryDisk struct {
	store *blob.Memory
	keep  func(change int) bool
}

// NewMemoryDisk returns an empty disk. keep says which of the changes that were not
// synced outlive a crash, see blob.Memory.Crash; nil is none.
func NewMemoryDisk(keep func(change int) bool) *MemoryDisk {
	return &MemoryDisk{store: blob.NewMemory(), keep: keep}
}

// Open implements Disk. What was put before a Close survives it, synced or not.
func (d *MemoryDisk) Open() (blob.Store, error) {
	d.store = d.store.Crash(func(int) bool { return true })
	return d.store, nil
}

// Crash implements Disk.
func (d *MemoryDisk) Crash() { d.store = d.store.Crash(d.keep) }

// Damage implements Disk.
func (d *MemoryDisk) Damage(id blob.ID) error {
	if !d.store.Damage(id) {
		return fmt.Errorf("%w: %v", blob.ErrNotFound, id)
	}
	return nil
}

// FailSync implements Disk.
func (d *MemoryDisk) FailSync() { d.store.FailSync() }
