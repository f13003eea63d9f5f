package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dss.example/common/run"
	"dss.example/p2-persist/durable"
)

// Defaults of a Service.
const (
	DefaultRecords = 100_000
	DefaultBytes   = 32 << 20
	DefaultCollect = 8
)

// Options say when a Service takes a checkpoint: when there is so much behind the newest one
// in the log, in records or in bytes. But it never takes one before the log has grown by
// half of what the last one took, so that the writing of checkpoints costs a write to the
// log no more than a constant.
type Options struct {
	Records uint64        // default DefaultRecords
	Bytes   int64         // default DefaultBytes
	Every   time.Duration // how often it looks; default 1 s
	Log     *slog.Logger

	// Collect, if not nil, gives back the space of what nothing leads to. It is called
	// after every so many checkpoints as CollectEvery says (default DefaultCollect), and
	// never while one is being taken: so it needs to spare nothing but what heads lead to.
	Collect      func(context.Context) error
	CollectEvery uint64

	// Fail is told, once, why no more checkpoints are taken: one could not be kept, or
	// the machine has failed. The process should end then.
	Fail func(error)
}

func (o Options) withDefaults() Options {
	if o.Records == 0 {
		o.Records = DefaultRecords
	}
	if o.Bytes <= 0 {
		o.Bytes = DefaultBytes
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.CollectEvery == 0 {
		o.CollectEvery = DefaultCollect
	}
	return o
}

// Service takes checkpoints of the machine that an owner drives, a durable.Machine, and
// has its log trimmed.
type Service struct {
	keeper  *Keeper
	owner   run.Owner
	journal *Journal
	o       Options
	last    uint64 // record of the newest checkpoint
	bytes   int64  // what the journal had written then

	stop context.CancelFunc
	done sync.WaitGroup
}

// Serve starts a Service, which alone saves to k from now on, until Close. The owner's
// machine keeps its records in the journal.
func (k *Keeper) Serve(owner run.Owner, journal *Journal, o Options) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{keeper: k, owner: owner, journal: journal, o: o.withDefaults(), last: journal.from, stop: cancel}
	s.done.Go(func() {
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			o.Fail(err)
		}
	})
	return s
}

// Close ends the Service and waits for it. A checkpoint that is being taken is finished; a
// collection is not.
func (s *Service) Close() error {
	s.stop()
	s.done.Wait()
	return nil
}

func (s *Service) run(ctx context.Context) error {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.owner.Done():
			return s.owner.Err()
		case <-tick.C:
		}
		if !s.due() {
			continue
		}
		if err := s.take(ctx); err != nil {
			return err
		}
	}
}

// due reports whether there is enough in the log.
func (s *Service) due() bool {
	seq, bytes := s.journal.Written()
	log := size{pairs: seq - s.last, bytes: bytes - s.bytes}
	enough := log.pairs >= s.o.Records || log.bytes >= s.o.Bytes
	return log.pairs > 0 && enough && 2*log.weight() >= s.keeper.saved.weight()
}

// take takes a checkpoint.
func (s *Service) take(ctx context.Context) error {
	_, bytes := s.journal.Written()
	answer, err := s.owner.Ask(ctx, durable.TakeSnapshot{})
	if err != nil {
		return nil // overloaded: another time; or ended
	}
	taken, ok := answer.(durable.Taken)
	if !ok || taken.Refused != "" || taken.Seq <= s.last {
		return nil
	}
	begun := time.Now()
	c, err := s.keeper.Save(taken, begun)
	if err != nil {
		return err
	}
	s.last, s.bytes = c.Seq, bytes
	s.o.Log.Info("checkpoint", "number", c.Number, "record", c.Seq, "snapshot", c.ID.String(), "took", time.Since(begun))
	if err := s.tell(ctx); err != nil {
		return err
	}
	if s.o.Collect == nil || c.Number%s.o.CollectEvery != 0 {
		return nil
	}
	return s.o.Collect(ctx)
}

// tell has the log trimmed. It does not matter if that is not heard: the next checkpoint
// says more.
func (s *Service) tell(ctx context.Context) error {
	seq := s.keeper.Needless()
	if seq == 0 {
		return nil
	}
	answer, err := s.owner.Ask(ctx, durable.Kept{Seq: seq})
	if err != nil {
		return nil
	}
	if mark, ok := answer.(durable.Mark); ok && mark.Refused != "" {
		return fmt.Errorf("checkpoint at record %d: %s", seq, mark.Refused)
	}
	return nil
}
