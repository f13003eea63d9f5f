package past_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/kv"
	"dss.example/p2-persist/checkpoint/past"
	"dss.example/p2-persist/wal"
)

func TestEveryRevisionReadsAsItWas(t *testing.T) {
	for _, c := range []past.Config{{}, {Open: 1}, {Bytes: 1}} {
		r := newRig(t, 3, c)
		for rev := 10; rev <= 50; rev += 10 {
			r.write(rev)
			r.checkpoint()
		}
		r.write(60)
		// The oldest checkpoint that is kept is of revision 30 and remembers from 25 on.
		require.EqualValues(t, 25, r.oldest())
		for rev := uint64(60); rev >= 25; rev-- {
			r.has(rev)
		}
		for rev := uint64(25); rev <= 60; rev++ {
			r.has(rev)
		}
		r.lacks(24, 25)
		r.lacks(1, 25)
		require.Equal(t, kv.FutureRev, r.at(t.Context(), 61).Status)
	}
}

func TestWhileTheFirstCheckpointIsKeptAllCanBeRead(t *testing.T) {
	r := newRig(t, 2, past.Config{})
	for _, upTo := range []int{20, 30, 40} {
		r.write(upTo)
		require.EqualValues(t, 1, r.oldest())
		for rev := uint64(1); rev <= uint64(upTo); rev++ {
			r.has(rev)
		}
		r.checkpoint()
	}
	require.EqualValues(t, 25, r.oldest())
	r.lacks(24, 25)
}

func TestAPastBeginsAtTheNearestCheckpointAndGoesOnFromThere(t *testing.T) {
	r := newRig(t, 9, past.Config{})
	r.write(100)
	r.checkpoint()
	r.write(200)
	r.checkpoint()
	r.write(300)
	require.Zero(t, r.has(198), "the checkpoint of 200 remembers it")
	require.Equal(t, 50, r.has(150))
	require.Zero(t, r.has(150), "the past of 100 is there already")
	require.Zero(t, r.has(97))
	require.Equal(t, 30, r.has(180), "it goes on")
	require.Equal(t, 50, r.has(250), "the one of 200 goes on")
	require.Equal(t, 51, r.has(51), "behind the birth")
	require.Zero(t, r.has(1))
}

func TestPastsAreKeptWithinTheBounds(t *testing.T) {
	for name, c := range map[string]struct {
		bounds      past.Config
		again, last int // records that it takes to read the first revision again, and the last
	}{
		"as many as there are":     {past.Config{}, 0, 0},
		"as many as may be open":   {past.Config{Open: 1}, 50, 50},
		"no more than so much":     {past.Config{Bytes: 100 << 10}, 50, 50}, // one takes some 60 KiB
		"none if one is too large": {past.Config{Bytes: 1}, 50, 50},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 9, c.bounds)
			r.write(100)
			r.checkpoint()
			r.write(200)
			r.checkpoint()
			r.write(300)
			require.Equal(t, 50, r.has(150))
			require.Equal(t, 50, r.has(250))
			require.Equal(t, c.again, r.has(150))
			require.Equal(t, c.last, r.has(250))
		})
	}
}

func TestOnlyWhatThePresentKnowsIsAnsweredWithoutWaiting(t *testing.T) {
	r := newRig(t, 3, past.Config{})
	r.write(20)
	var told []*kv.Response
	submit := func(req *kv.Request) bool {
		return r.store.Submit(req, func(resp *kv.Response) { told = append(told, resp) })
	}
	require.False(t, submit(&kv.Request{Op: kv.Get{Key: "k"}, At: kv.Version{Lo: 5}}))
	require.False(t, submit(&kv.Request{Op: kv.Stat{}}))
	require.Empty(t, told)
	require.True(t, submit(&kv.Request{Op: kv.Get{Key: "k"}}))
	require.Len(t, told, 1)
}

// stall lets readers of the log wait until the returned function is called.
func (r *rig) stall() (release func()) {
	gate := make(chan struct{})
	r.onRead = func(uint64) error { <-gate; return nil }
	return func() { close(gate) }
}

func TestReadersOfThePastWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 9, past.Config{Readers: 1, Waiting: 1})
		r.write(50)
		release := r.stall()
		answers := make(chan *kv.Response, 3)
		ask := func(ctx context.Context) {
			go func() { answers <- r.at(ctx, 20) }()
			synctest.Wait()
		}
		ask(t.Context()) // is at work
		ctx, cancel := context.WithCancel(t.Context())
		ask(ctx) // waits for its turn
		ask(t.Context())
		resp := <-answers
		require.Equal(t, kv.Overloaded, resp.Status, "one too many")
		require.EqualValues(t, 50, resp.Rev.Lo)
		cancel()
		require.Equal(t, kv.Unavailable, (<-answers).Status)
		ask(t.Context()) // there is room again
		release()
		for range 2 {
			require.Equal(t, kv.OK, (<-answers).Status)
		}
	})
}

func TestAReaderThatGivesUpLeavesItsWorkToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 9, past.Config{})
		r.write(50)
		ctx, cancel := context.WithCancel(t.Context())
		r.onRead = func(seq uint64) error {
			if seq == 10 {
				cancel()
			}
			return nil
		}
		require.Equal(t, kv.Unavailable, r.at(ctx, 30).Status)
		r.onRead = nil
		require.Equal(t, 30-9, r.has(30))
	})
}

func TestCloseEndsReadersAndThenThePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 9, past.Config{Readers: 1})
		r.write(50)
		release := r.stall()
		answers := make(chan *kv.Response, 2)
		for range 2 { // one is at work, one waits
			go func() { answers <- r.at(t.Context(), 20) }()
		}
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- r.store.Close() }()
		synctest.Wait()
		require.False(t, r.present.closed, "somebody reads still")
		release()
		require.NoError(t, <-closed)
		require.True(t, r.present.closed)
		for range 2 {
			require.Equal(t, kv.Unavailable, (<-answers).Status)
		}
	})
}

func TestWhatGoesWhileItIsReadIsCompacted(t *testing.T) {
	r := newRig(t, 1, past.Config{})
	r.write(50)
	r.onRead = func(seq uint64) error {
		if seq != 10 {
			return nil
		}
		r.onRead = nil
		r.checkpoint()
		r.write(100)
		r.checkpoint()
		return fmt.Errorf("%w: record 10", wal.ErrTrimmed)
	}
	r.lacks(30, 95)
}

func TestWhatCannotBeReadIsUnavailableAndThePresentStays(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(r *rig)
		reads int
	}{
		"a disk that is broken":     {func(r *rig) { r.onRead = func(uint64) error { return errBroken } }, 1},
		"a log that is too short":   {func(r *rig) { r.onRead = func(uint64) error { return wal.ErrTrimmed } }, 3},
		"a checkpoint that is lost": {func(r *rig) { lose(r) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 9, past.Config{})
			r.write(50)
			r.checkpoint()
			r.write(100)
			c.harm(r)
			resp := r.at(t.Context(), 70)
			require.Equal(t, kv.Unavailable, resp.Status)
			require.Contains(t, resp.Detail, "revision 70 cannot be read")
			require.Equal(t, c.reads, r.passed)
			require.Zero(t, r.has(98))
		})
	}
}

// lose deletes all blobs.
func lose(r *rig) {
	list, err := r.blobs.List(blob.ID{}, blob.MaxBatch)
	require.NoError(r.t, err)
	for _, info := range list {
		require.NoError(r.t, r.blobs.Delete([]blob.ID{info.ID}))
	}
}
