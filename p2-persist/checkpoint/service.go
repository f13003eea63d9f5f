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

// Options say when a Service takes a checkpoint.
type Options struct {
	Records uint64        // as many were saved since the last one; default 100,000
	Every   time.Duration // how often it looks; default 1 s
	Log     *slog.Logger

	// Fail is told, once, why no more checkpoints are taken: one could not be kept, or
	// the machine has failed. The process should end then.
	Fail func(error)
}

// Service takes checkpoints of the machine that an owner drives, a durable.Machine, and
// has its log trimmed.
type Service struct {
	keeper *Keeper
	owner  run.Owner
	o      Options
	last   uint64 // record of the newest checkpoint

	stop context.CancelFunc
	done sync.WaitGroup
}

// Serve starts a Service, which uses k alone from now on, until Close. last is the record
// of the newest checkpoint, 0 if there is none.
func (k *Keeper) Serve(owner run.Owner, last uint64, o Options) *Service {
	if o.Records == 0 {
		o.Records = 100_000
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{keeper: k, owner: owner, o: o, last: last, stop: cancel}
	s.done.Go(func() {
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			o.Fail(err)
		}
	})
	return s
}

// Close ends the Service and waits for it. A checkpoint that is being taken is finished.
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
		if err := s.look(ctx); err != nil {
			return err
		}
	}
}

// look takes a checkpoint if there is enough in the log.
func (s *Service) look(ctx context.Context) error {
	answer, err := s.owner.Ask(ctx, durable.TakeSnapshot{})
	if err != nil {
		return nil // overloaded: another time; or ended
	}
	taken, ok := answer.(durable.Taken)
	if !ok || taken.Refused != "" || taken.Seq < s.last+s.o.Records {
		return nil
	}
	begun := time.Now()
	id, err := s.keeper.Save(taken, begun)
	if err != nil {
		return err
	}
	s.last = taken.Seq
	s.o.Log.Info("checkpoint", "record", taken.Seq, "snapshot", id.String(), "took", time.Since(begun))
	return s.tell(ctx, taken.Seq)
}

// tell has the log trimmed. It does not matter if that is not heard: the next checkpoint
// says more.
func (s *Service) tell(ctx context.Context, seq uint64) error {
	answer, err := s.owner.Ask(ctx, durable.Kept{Seq: seq})
	if err != nil {
		return nil
	}
	if mark, ok := answer.(durable.Mark); ok && mark.Refused != "" {
		return fmt.Errorf("checkpoint at record %d: %s", seq, mark.Refused)
	}
	return nil
}
