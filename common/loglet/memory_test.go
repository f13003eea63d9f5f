package loglet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
)

// one appends one entry.
func one(m *loglet.Memory, body string) error {
	_, err := m.Append(context.Background(), [][]byte{[]byte(body)})
	return err
}

// bodies reads the whole log, at most a page.
func bodies(t *testing.T, m *loglet.Memory) (all []string) {
	t.Helper()
	b, err := m.Tail(t.Context())
	require.NoError(t, err)
	if b.Head == b.Tail {
		return nil
	}
	p, err := m.Read(t.Context(), b.Head, b.Tail)
	require.NoError(t, err)
	require.Equal(t, b.Tail, p.Next)
	for _, e := range p.Entries {
		all = append(all, string(e.Body))
	}
	return all
}

// disturbed returns a log whose appends meet these fates, and then are stored.
func disturbed(fates ...loglet.Fate) *loglet.Memory {
	m := loglet.NewMemory(0)
	m.Disturb(func() (next loglet.Fate) {
		if len(fates) > 0 {
			next, fates = fates[0], fates[1:]
		}
		return next
	})
	return m
}

func TestAnAppendMeetsItsFate(t *testing.T) {
	m := disturbed(loglet.Stored, loglet.Lost, loglet.Unsaid, loglet.Late, loglet.Late)
	require.NoError(t, one(m, "stored"))
	for _, body := range []string{"lost", "unsaid", "late", "late, too"} {
		require.ErrorIs(t, one(m, body), loglet.ErrMaybe)
	}
	require.Empty(t, cmp.Diff([]string{"stored", "unsaid"}, bodies(t, m)))
	require.NoError(t, one(m, "the next"))
	require.Empty(t, cmp.Diff([]string{"stored", "unsaid", "late", "late, too", "the next"}, bodies(t, m)))
}

func TestWhatIsLateNeverComesAfterASeal(t *testing.T) {
	m := disturbed(loglet.Late)
	require.ErrorIs(t, one(m, "late"), loglet.ErrMaybe)
	require.NoError(t, m.Seal(t.Context()))
	require.ErrorIs(t, one(m, "too late"), loglet.ErrSealed)
	require.Empty(t, bodies(t, m))
}

func TestWhatIsLateBelongsToTheStreamsThatItWasAppendedTo(t *testing.T) {
	m := disturbed(loglet.Late)
	streams := []loglet.Stream{7}
	_, err := m.AppendTo(t.Context(), streams, [][]byte{[]byte("late")})
	require.ErrorIs(t, err, loglet.ErrMaybe)
	streams[0] = 8
	require.NoError(t, one(m, "the next"))
	positions, err := m.Back(t.Context(), 7, 3, 1)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]loglet.Pos{1}, positions))
}

func TestALogThatIsDownDoesNothingUntilItIsUpAgain(t *testing.T) {
	m := loglet.NewMemory(0)
	require.NoError(t, one(m, "before"))
	m.Down(true)
	require.ErrorIs(t, one(m, "meanwhile"), loglet.ErrUnavailable)
	_, err := m.Back(t.Context(), 1, 1, 1)
	require.ErrorIs(t, err, loglet.ErrUnavailable)
	m.Down(false)
	require.NoError(t, one(m, "after"))
	require.Empty(t, cmp.Diff([]string{"before", "after"}, bodies(t, m)))
}

func TestOnlyAnEntryThatIsThereCanBeDamaged(t *testing.T) {
	m := loglet.NewMemory(1)
	require.NoError(t, one(m, "at 1"))
	require.NoError(t, one(m, "at 3"))
	require.False(t, m.Damage(2))
	require.False(t, m.Damage(5))
	require.True(t, m.Damage(3))
	_, err := m.Read(t.Context(), 3, 4)
	require.ErrorIs(t, err, loglet.ErrDamaged)
}

func TestAnErrorIsDefiniteIfItSaysThatNothingWasDone(t *testing.T) {
	definite := map[error]bool{
		loglet.ErrSealed: true, loglet.ErrUnavailable: true, loglet.ErrTooLarge: true, loglet.ErrInvalid: true,
		loglet.ErrMaybe: false, errors.New("of somebody else"): false,
	}
	for err, want := range definite {
		require.Equal(t, want, loglet.Definite(fmt.Errorf("around: %w", err)), err)
	}
	require.False(t, loglet.Definite(nil))
	require.False(t, loglet.Definite(fmt.Errorf("%w: %w", loglet.ErrMaybe, loglet.ErrUnavailable)), "doubt wins")
}

func TestWhatIsRefusedSaysWhatWouldBeRight(t *testing.T) {
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the cause"))
	for text, err := range map[string]error{
		"a batch of 0 entries, want 1 to 256":     loglet.CheckAppend(t.Context(), nil),
		"5242881 bytes in 1 entries":              loglet.CheckAppend(t.Context(), [][]byte{make([]byte, loglet.MaxBytes+1)}),
		"read from 7 to 7, want 1 or more":        loglet.CheckRead(t.Context(), 7, 7),
		"an entry of 0 streams, want 1 to 16":     loglet.CheckStreams(nil),
		"stream 9 twice, want different ones":     loglet.CheckStreams([]loglet.Stream{9, 9}),
		"0 positions of stream 1 before 1":        loglet.CheckBack(t.Context(), 1, 1, 0),
		"log is unavailable: the cause":           loglet.CheckContext(ended),
		"position is trimmed: 1, the head is 2":   readTrimmed(t),
		"beyond the tail: trim to 9, the tail is": loglet.NewMemory(0).Trim(t.Context(), 9),
	} {
		require.ErrorContains(t, err, text)
	}
}

func readTrimmed(t *testing.T) error {
	t.Helper()
	m := loglet.NewMemory(0)
	require.NoError(t, one(m, "trimmed"))
	require.NoError(t, m.Trim(t.Context(), 2))
	_, err := m.Read(t.Context(), 1, 2)
	return err
}
