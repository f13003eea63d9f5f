package checkpoint

import (
	"sync/atomic"

	"dss.example/common/stable"
)

// Journal is the log of a durable machine that has checkpoints: it keeps older records than
// recovery needs, and recovery does not see them. It has one user like any log; Written and
// Synced may be called by anyone.
type Journal struct {
	stable.Log
	from uint64 // of the newest checkpoint

	appended, synced atomic.Uint64 // the last record
	bytes            atomic.Int64
}

// NewJournal returns the Journal in a log whose records up to from are in a checkpoint.
func NewJournal(log stable.Log, from uint64) *Journal {
	j := &Journal{Log: log, from: from}
	j.appended.Store(log.Next() - 1)
	j.synced.Store(log.Next() - 1)
	return j
}

// Replay implements stable.Log, from the last record on that is in the checkpoint: by that
// one the machine sees that the log reaches as far as the checkpoint does. Of a log that
// does not, it is the last one.
func (j *Journal) Replay(fn func(seq uint64, record []byte, damaged bool) error) error {
	first := min(j.from, j.Next()-1)
	return j.Log.Replay(func(seq uint64, record []byte, damaged bool) error {
		switch {
		case seq < first:
			return nil
		case seq > j.from:
			j.bytes.Add(int64(len(record)))
		}
		return fn(seq, record, damaged)
	})
}

// Append implements stable.Log.
func (j *Journal) Append(record []byte) (uint64, error) {
	seq, err := j.Log.Append(record)
	if err == nil {
		j.appended.Store(seq)
		j.bytes.Add(int64(len(record)))
	}
	return seq, err
}

// Sync implements stable.Log.
func (j *Journal) Sync() error {
	err := j.Log.Sync()
	if err == nil {
		j.synced.Store(j.Next() - 1)
	}
	return err
}

// Written returns the last record that was appended, and how many bytes of records were
// replayed behind the checkpoint or appended since this Journal began.
func (j *Journal) Written() (seq uint64, bytes int64) { return j.appended.Load(), j.bytes.Load() }

// Synced returns the last record that is durable.
func (j *Journal) Synced() uint64 { return j.synced.Load() }
