package blobtest_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/blob/blobtest"
)

func TestMemoryKeepsEveryPromiseWhateverACrashKeeps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, keep := range map[string]func(int) bool{
		"nothing":    nil,
		"everything": func(int) bool { return true },
		"the last":   func(change int) bool { return change%3 == 2 },
		"anything":   func(int) bool { return rnd.IntN(2) == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(*testing.T) blobtest.Disk { return blobtest.NewMemoryDisk(keep) })
		})
	}
}

// Each of these stores is wrong in one way. The suite must say so, and in the check that
// names the promise.
func TestSuiteFailsEveryWrongStore(t *testing.T) {
	for _, w := range []struct {
		name  string
		check string
		wrong func(blob.Store, *past) blob.Store
	}{
		{"has a blob that nobody put", "an empty store holds nothing", hasOne},
		{"says nothing of an absent blob", "an empty store holds nothing", absentIsEmpty},
		{"does not say which blob is absent", "an empty store holds nothing", namesNothing},
		{"hashes a prefix", "Put names a blob by the hash of all its bytes", hashesPrefix},
		{"keeps half of the hash", "Put names a blob by the hash of all its bytes", cutsHash},
		{"forgets the codec", "the codec separates blobs with the same bytes", oneCodec},
		{"takes an empty blob for none", "blobs of 0, 1 and MaxSize bytes are kept, a larger one refused", losesEmpty},
		{"takes any size", "blobs of 0, 1 and MaxSize bytes are kept, a larger one refused", anySize},
		{"refuses a second Put", "a blob that is there is not stored again", refusesTwice},
		{"keeps the caller's slice", "Put copies the caller's bytes", keepsSlice},
		{"hands out its own slice", "Get gives bytes that are the caller's own", sharesSlice},
		{"says not found of any name", "what cannot name a blob is refused", takesAnyID},
		{"deletes what stands before a bad name", "what cannot name a blob is refused", deletesFirst},
		{"puts under any codec", "what cannot name a blob is refused", takesAnyCodec},
		{"leaves absent blobs out of Stat", "Stat answers in the order of the question", statSkips},
		{"sorts Stat", "Stat answers in the order of the question", statSorts},
		{"answers any number in Stat", "Stat answers in the order of the question", statMany},
		{"lists the cursor again", "List gives every blob once, in order", listsCursor},
		{"lists more than was asked for", "List gives every blob once, in order", listsMore},
		{"lists unsorted", "List gives every blob once, in order", listsBackwards},
		{"ends a listing at a page", "List gives every blob once, in order", listsOnePage},
		{"lists by place, not by name", "a listing goes on while blobs are put and deleted", listsByPlace},
		{"serves what was deleted from a cache", "a deleted blob is gone", cachesDeleted},
		{"Delete does nothing", "a deleted blob is gone", neverDeletes},
		{"remembers what was absent", "a deleted blob can be put again", cachesAbsence},
		{"believes that it still has what was deleted", "a deleted blob can be put again", cachesPut},
		{"a reopened store is empty", "a reopened store holds what was synced", forgets},
		{"Sync does nothing", "a crash loses no blob that was synced", neverSyncs},
		{"Sync covers puts only", "a synced Delete is for good", neverSyncsDeletes},
		{"a second Put after Delete is not synced", "Sync covers a blob that was put again", trustsTheFirst},
		{"what was not synced is half there", "a crash loses or keeps what was not synced, and damages nothing", tears},
		{"does not verify", "a flipped bit is never returned", neverVerifies},
		{"does not list damaged blobs", "a flipped bit is never returned", hidesDamage},
		{"says not found of a damaged blob", "a flipped bit is never returned", damagedIsAbsent},
		{"keeps damage for ever", "a damaged blob can be deleted and put again", damagedForEver},
		{"ignores a failed Sync", "a failed Sync kills the store", ignoresFailure},
		{"tries a failed Sync again", "a failed Sync kills the store", retries},
		{"takes blobs when closed", "a closed store answers ErrClosed", openWhenClosed},
		{"loses blobs of callers that meet", "many callers at once see one store", losesOneIn(101)},
		{"loses a blob now and then", "random operations do what a map would do", losesOneIn(37)},
	} {
		t.Run(w.name, func(t *testing.T) {
			i := slices.IndexFunc(blobtest.Checks(), func(c blobtest.Check) bool { return c.Name == w.check })
			require.GreaterOrEqual(t, i, 0, "no check of that name")
			err := blobtest.Checks()[i].Run(&wrongDisk{MemoryDisk: blobtest.NewMemoryDisk(nil), wrong: w.wrong})
			require.Error(t, err)
			t.Log(err)
		})
	}
}

func TestSuiteReportsADiskThatDoesNotOpen(t *testing.T) {
	for _, c := range blobtest.Checks() {
		require.ErrorIs(t, c.Run(brokenDisk{}), errBroken, c.Name)
	}
}

var errBroken = errors.New("broken disk")

type brokenDisk struct{}

func (brokenDisk) Open() (blob.Store, error) { return nil, errBroken }
func (brokenDisk) Crash()                    {}
func (brokenDisk) Damage(blob.ID) error      { return nil }
func (brokenDisk) FailSync()                 {}
