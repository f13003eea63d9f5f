package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/durable"
)

// owner is one of a durable machine, as a Service sees it.
type owner struct {
	run.Owner // nothing else is used

	mu      sync.Mutex // guards what follows
	journal *checkpoint.Journal
	taken   durable.Taken
	refuse  string   // what is said to Kept
	kept    []uint64 // what was said by it
	busy    error
	done    chan struct{}
	err     error
}

// newOwner returns one whose log has five records, all in a checkpoint.
func newOwner(t *testing.T) *owner {
	log := stable.NewMemory()
	for range 5 {
		_, err := log.Append([]byte("record"))
		require.NoError(t, err)
	}
	return &owner{journal: checkpoint.NewJournal(log, 5)}
}

func (o *owner) Ask(_ context.Context, cmd machine.Data) (machine.Data, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch cmd := cmd.(type) {
	case durable.TakeSnapshot:
		return o.taken, o.busy
	case durable.Kept:
		o.kept = append(o.kept, cmd.Seq)
		return durable.Mark{Seq: cmd.Seq, Refused: o.refuse}, o.busy
	}
	return nil, errors.ErrUnsupported
}

// is lets the machine be in a state, after so many records.
func (o *owner) is(seq uint64, s state) {
	for o.journal.Next() <= seq {
		_, _ = o.journal.Append([]byte("record"))
	}
	o.taken = taken(seq, s)
}

func (o *owner) Done() <-chan struct{} { return o.done }

func (o *owner) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// serve runs a Service that wants 10 records or 1,000 bytes between checkpoints. Half a
// minute passes before each of the things that happen, and behind the last one.
func serve(t *testing.T, o *owner, k *checkpoint.Keeper, opts checkpoint.Options, happens ...func()) (failed []error) {
	synctest.Test(t, func(t *testing.T) {
		o.done = make(chan struct{})
		opts.Records, opts.Bytes = 10, 1000
		opts.Log, opts.Fail = slog.New(slog.DiscardHandler), func(err error) { failed = append(failed, err) }
		s := k.Serve(o, o.journal, opts)
		for _, happen := range happens {
			<-time.After(30 * time.Second) // of a bubble's time
			synctest.Wait()
			o.mu.Lock()
			happen()
			o.mu.Unlock()
		}
		<-time.After(30 * time.Second)
		synctest.Wait()
		require.NoError(t, s.Close())
	})
	return failed
}

// present returns the newest state that is kept, nil if there is none.
func present(t *testing.T, k *checkpoint.Keeper) state {
	s, err := k.Newest()
	require.NoError(t, err)
	if s == nil {
		return nil
	}
	return read(t, s)
}

func TestAServiceKeepsAStateWhenTheLogIsLongEnough(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := newOwner(t)
	require.Empty(t, serve(t, o, k, checkpoint.Options{},
		func() { o.is(14, state{"a": "1"}) },
		func() {
			require.Nil(t, present(t, k), "9 records since the last one")
			o.is(15, state{"a": "2"})
		},
		func() {
			require.Equal(t, state{"a": "2"}, present(t, k))
			_, err := o.journal.Append(make([]byte, 999))
			require.NoError(t, err)
			o.is(16, state{"a": "3"})
		},
		func() {
			require.Len(t, k.Kept(), 1, "one record of 999 bytes since the last one")
			o.is(17, state{"a": "4"})
		},
	))
	require.Equal(t, state{"a": "4"}, present(t, k))
	require.Len(t, k.Kept(), 2)
	require.Empty(t, o.kept, "the first checkpoint is kept, and so is the whole log")
}

func TestALargeStateIsNotKeptBeforeTheLogHasGrownByHalfAsMuch(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := newOwner(t)
	large := state{}
	for i := range 100 {
		large[fmt.Sprint(i)] = "some value"
	}
	require.Empty(t, serve(t, o, k, checkpoint.Options{},
		func() { o.is(15, large) },
		func() { o.is(30, large) },
		func() { require.Len(t, k.Kept(), 1); o.is(75, large) },
	))
	require.Len(t, k.Kept(), 2)
}

func TestTheLogIsTrimmedToTheOldestCheckpointThatIsKept(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := openKeeping(t, blobs, heads, 2)
	o := newOwner(t)
	var happens []func()
	for seq := uint64(20); seq <= 80; seq += 20 {
		happens = append(happens, func() { o.is(seq, state{}) })
	}
	require.Empty(t, serve(t, o, k, checkpoint.Options{}, happens...))
	require.Equal(t, []uint64{40, 60}, o.kept)
}

func TestACollectorRunsAfterEverySoManyCheckpoints(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := openKeeping(t, blobs, heads, 2)
	o := newOwner(t)
	var collected []int
	opts := checkpoint.Options{CollectEvery: 3, Collect: func(context.Context) error {
		collected = append(collected, len(o.kept))
		return nil
	}}
	var happens []func()
	for seq := uint64(20); seq <= 140; seq += 20 {
		happens = append(happens, func() { o.is(seq, state{}) })
	}
	require.Empty(t, serve(t, o, k, opts, happens...))
	require.Equal(t, []int{1, 4}, collected, "behind the third and the sixth, and their trims")

	lost := errors.New("the store is lost")
	opts.CollectEvery, opts.Collect = 1, func(context.Context) error { return lost }
	require.Equal(t, []error{lost}, serve(t, o, k, opts, func() { o.is(200, state{}) }))
}

func TestAServiceThatIsNotHeardGoesOn(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := openKeeping(t, blobs, heads, 1)
	o := newOwner(t)
	o.busy = run.ErrOverloaded
	o.is(15, state{})
	require.Empty(t, serve(t, o, k, checkpoint.Options{},
		func() { require.Empty(t, k.Kept()); o.busy = nil },
		func() { o.is(25, state{}) },
	))
	require.Equal(t, []uint64{25}, o.kept)
}

func TestAServiceLeavesAMachineAloneWhoseStateIsNotKnown(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := newOwner(t)
	o.is(99, state{})
	o.taken = durable.Taken{Mark: durable.Mark{Seq: 99, Refused: "damaged"}}
	require.Empty(t, serve(t, o, k, checkpoint.Options{}))
	require.Empty(t, o.kept)
	require.Zero(t, blobs.puts.Load())
}

func TestAServiceFailsOnceAndSaysWhy(t *testing.T) {
	broken := errors.New("the loop is broken")
	for name, c := range map[string]struct {
		harm func(o *owner, blobs *counted)
		want error
		told string
	}{
		"the store fails":         {func(_ *owner, b *counted) { b.FailSync() }, blob.ErrFailed, ""},
		"the machine fails":       {func(o *owner, _ *counted) { o.err = broken; close(o.done) }, broken, ""},
		"the machine has no such": {func(o *owner, _ *counted) { o.refuse = "the last record is 2" }, nil, "the last record is 2"},
	} {
		t.Run(name, func(t *testing.T) {
			blobs, heads := newStore(t)
			k, _ := openKeeping(t, blobs, heads, 1)
			o := newOwner(t)
			o.is(15, state{})
			failed := serve(t, o, k, checkpoint.Options{}, func() {
				c.harm(o, blobs)
				o.is(40, state{"a": "1"})
			})
			require.Len(t, failed, 1)
			if c.want != nil {
				require.ErrorIs(t, failed[0], c.want)
			}
			require.ErrorContains(t, failed[0], c.told)
		})
	}
}

func TestAServiceEndsInSilenceWithItsMachine(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := newOwner(t)
	require.Empty(t, serve(t, o, k, checkpoint.Options{}, func() { close(o.done) }))
}
