package fsck_test

import (
	"context"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/fsck"
)

func TestHealthyStoreHasNoFindings(t *testing.T) {
	r := library(t)
	r.log()
	report := r.check()
	requireFound(t, report)
	require.True(t, report.IsHealthy())
	require.Equal(t, 2, report.Heads)
	require.Equal(t, 2, report.Snapshots)
	require.NotZero(t, report.Blobs)
	require.NotZero(t, report.Bytes)
	requireFound(t, r.mend())
}

func TestEmptyDirectoryHasNoFindings(t *testing.T) {
	requireFound(t, newRoom(t).check())
}

func TestLargeDirectoriesAndFilesAreNoFindings(t *testing.T) {
	r := newRoom(t)
	many := fstest.MapFS{"huge": {Data: text(9, 300<<10), Mode: 0o644}}
	for n := range 700 {
		many["many/"+string(text(n, 15))] = &fstest.MapFile{Data: text(n, 20), Mode: 0o644}
	}
	r.with(func() { r.snapshot("main", many) })
	requireFound(t, r.check())
}

func TestCheckReadsNoFasterThanItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := library(t)
		start, read := time.Now(), int64(0)
		_, err := fsck.Check(context.Background(), r.disk, fsck.Options{
			Rate: 1 << 10, Progress: func(p fsck.Progress) { read = p.Read },
		})
		require.NoError(t, err)
		require.Greater(t, read, int64(10<<10))
		require.GreaterOrEqual(t, time.Since(start).Seconds(), float64(read)/(1<<10)-1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = fsck.Check(ctx, r.disk, fsck.Options{Rate: 1})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestProgressIsToldAndACheckCanBeStoppedAtAnyOfIt(t *testing.T) {
	r := library(t)
	r.log()
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(context.Background())
		told, phases := 0, map[fsck.Phase]bool{}
		_, err := fsck.Check(ctx, r.disk, fsck.Options{Progress: func(p fsck.Progress) {
			phases[p.Phase] = true
			if told++; told == stop {
				cancel()
			}
		}})
		cancel()
		if told < stop {
			require.NoError(t, err)
			require.Len(t, phases, 4)
			require.Greater(t, stop, 5)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
	}
	requireFound(t, r.check())
}
