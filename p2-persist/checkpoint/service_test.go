package checkpoint_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/durable"
)

// owner is one of a durable machine, as a Service sees it.
type owner struct {
	run.Owner // nothing else is used

	mu     sync.Mutex // guards what follows
	taken  durable.Taken
	refuse string   // what is said to Kept
	kept   []uint64 // what was said by it
	busy   error
	done   chan struct{}
	err    error
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

func (o *owner) Done() <-chan struct{} { return o.done }

func (o *owner) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// serve runs a Service that wants 10 records between checkpoints, for a minute.
func serve(t *testing.T, o *owner, k *checkpoint.Keeper, during func()) (failed []error) {
	synctest.Test(t, func(t *testing.T) {
		o.done = make(chan struct{})
		s := k.Serve(o, 5, checkpoint.Options{
			Records: 10, Log: slog.New(slog.DiscardHandler), Fail: func(err error) { failed = append(failed, err) },
		})
		<-time.After(30 * time.Second) // of a bubble's time
		synctest.Wait()
		o.mu.Lock()
		during()
		o.mu.Unlock()
		<-time.After(30 * time.Second)
		synctest.Wait()
		require.NoError(t, s.Close())
	})
	return failed
}

func TestAServiceKeepsAStateWhenTheLogIsLongEnough(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := &owner{taken: taken(14, state{"a": "1"})}
	failed := serve(t, o, k, func() {
		require.Empty(t, o.kept, "9 records since the last one")
		o.taken = taken(15, state{"a": "2"})
	})
	require.Empty(t, failed)
	require.Equal(t, []uint64{15}, o.kept, "once")
	_, s := open(t, blobs, heads)
	require.Equal(t, state{"a": "2"}, read(t, s))
}

func TestAServiceThatIsNotHeardGoesOn(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := &owner{taken: taken(15, state{}), busy: run.ErrOverloaded}
	require.Empty(t, serve(t, o, k, func() { o.busy = nil }))
	require.Equal(t, []uint64{15}, o.kept)
}

func TestAServiceLeavesAMachineAloneWhoseStateIsNotKnown(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	o := &owner{taken: durable.Taken{Mark: durable.Mark{Seq: 99, Refused: "damaged"}}}
	require.Empty(t, serve(t, o, k, func() {}))
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
			k, _ := open(t, blobs, heads)
			o := &owner{taken: taken(1, state{})}
			failed := serve(t, o, k, func() {
				c.harm(o, blobs)
				o.taken = taken(20, state{"a": "1"})
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
	o := &owner{taken: taken(1, state{})}
	require.Empty(t, serve(t, o, k, func() { close(o.done) }))
}
