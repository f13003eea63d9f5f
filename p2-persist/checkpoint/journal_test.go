package checkpoint_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/stable"
	"dss.example/p2-persist/checkpoint"
)

func TestRecoverySeesNothingBeforeTheCheckpointButItsLastRecord(t *testing.T) {
	for _, c := range []struct {
		records int
		from    uint64
		want    []uint64
		bytes   int64
	}{
		{0, 0, nil, 0},
		{3, 0, []uint64{1, 2, 3}, 24},
		{9, 6, []uint64{6, 7, 8, 9}, 24},
		{6, 6, []uint64{6}, 0},
		{4, 6, []uint64{4}, 0}, // the end is lost: the machine must see that
	} {
		log := stable.NewMemory()
		for i := range c.records {
			_, err := log.Append(fmt.Appendf(nil, "record %d", i))
			require.NoError(t, err)
		}
		require.NoError(t, log.Sync())
		j := checkpoint.NewJournal(log, c.from)
		var seen []uint64
		require.NoError(t, j.Replay(func(seq uint64, b []byte, damaged bool) error {
			require.False(t, damaged)
			require.Equal(t, fmt.Sprint("record ", seq-1), string(b))
			seen = append(seen, seq)
			return nil
		}))
		require.Equal(t, c.want, seen)
		seq, bytes := j.Written()
		require.EqualValues(t, c.records, seq)
		require.Equal(t, c.bytes, bytes, "of what is behind the checkpoint")
		require.EqualValues(t, c.records, j.Synced())
	}
}

func TestAJournalTellsWhatIsWrittenAndWhatIsDurable(t *testing.T) {
	log := stable.NewMemory()
	j := checkpoint.NewJournal(log, 0)
	for range 3 {
		_, err := j.Append([]byte("four"))
		require.NoError(t, err)
	}
	seq, bytes := j.Written()
	require.EqualValues(t, 3, seq)
	require.EqualValues(t, 12, bytes)
	require.Zero(t, j.Synced())
	require.NoError(t, j.Sync())
	require.EqualValues(t, 3, j.Synced())

	log.FailSync()
	_, err := j.Append([]byte("four"))
	require.NoError(t, err)
	require.Error(t, j.Sync())
	require.EqualValues(t, 3, j.Synced())
	_, err = j.Append([]byte("four"))
	require.ErrorIs(t, err, stable.ErrFailed)
	seq, _ = j.Written()
	require.EqualValues(t, 4, seq)
}
