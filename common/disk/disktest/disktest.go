// Package disktest holds the conformance suite of disk.Disk: what every disk must do
// while nothing goes wrong, every operation at its bounds and with every code that it can
// be made to return. [Run] is the suite; a [Check] is one promise.
//
// What a crash leaves is not in it, for no test can stop the machine that it runs on:
// that promise is disk.Memory's, which disk/crash stops at every call.
package disktest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
)

// Check is one promise of a disk.
type Check struct {
	Name string                  // the promise, in words
	Run  func(d disk.Disk) error // on an empty disk; nil if the promise is kept
}

// Run tests that the disks that fresh makes, empty ones, keep every promise.
func Run(t *testing.T, fresh func(t *testing.T) disk.Disk) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, c.Run(fresh(t))) })
	}
}

// Checks returns every promise of a disk, the simplest first.
func Checks() []Check {
	return []Check{
		{"an empty disk has nothing in it", checkEmpty},
		{"what is written is read", checkWrite},
		{"bytes belong to the caller, before and after", checkOwner},
		{"a read is short only at the end of the file", checkRead},
		{"a write begins at the end of the file at the latest", checkHole},
		{"MaxData bytes go at once, and no more", checkMaxData},
		{"Truncate only cuts", checkTruncate},
		{"Preallocate adds zeros", checkPreallocate},
		{"a handle is given once and ends with Close", checkHandles},
		{"Create makes what is not there", checkCreate},
		{"Open opens files only", checkOpen},
		{"two handles of a file see each other's writes", checkTwoHandles},
		{"a lock keeps out others until Close", checkLock},
		{"Remove takes a name and spares who has the file open", checkRemove},
		{"a directory is removed when it is empty", checkRemoveDir},
		{"Rename replaces a file in one step", checkRename},
		{"Rename moves a directory with all that is in it", checkRenameDir},
		{"Rename refuses what it cannot do in one step", checkRenameRefused},
		{"List tells names in order, and directories from files", checkList},
		{"Sync and SyncDir are for files and for directories", checkSync},
		{"a path through a file leads nowhere", checkThroughFile},
		{"the root is there, and stays", checkRoot},
		{"names that break the rules are bad in every call", checkNames},
		{"an operation that does not exist is refused", checkNoOp},
		{"calls at the same time do not disturb each other", checkConcurrent},
	}
}
