package recording_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/run/recording"
)

var (
	alice = recording.Header{Self: machine.Addr{Node: 1, Role: "alice"}, Protocol: "toy", Config: []byte{1, 2}}
	bob   = recording.Header{Self: machine.Addr{Node: 2, Role: "bob"}, Protocol: "toy"}
)

func input(n uint64) machine.In {
	return machine.In{Now: machine.Time(n), Rand: n, Event: machine.Cancel{ID: n}}
}

func output(n uint64) *machine.Out { return &machine.Out{Trim: n} }

// recorded returns three steps of two machines; the last one did not end.
func recorded(t testing.TB) []byte {
	var b bytes.Buffer
	rec := recording.New(&b)
	one, err := rec.Track(alice)
	require.NoError(t, err)
	one.Begin(input(1))
	one.End(output(1))
	two, err := rec.Track(bob)
	require.NoError(t, err)
	two.Begin(input(2))
	one.Begin(input(3))
	require.Contains(t, one.Abort(), "the recording")
	two.End(output(2))
	require.Empty(t, two.Abort(), "no step is under way")
	require.NoError(t, rec.Flush())
	return b.Bytes()
}

func read(b []byte) (steps []recording.Step, err error) {
	for step, err := range recording.Read(bytes.NewReader(b)) {
		if err != nil {
			return steps, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func TestRecordingIsReadBack(t *testing.T) {
	steps, err := read(recorded(t))
	require.NoError(t, err)
	want := []recording.Step{
		{Header: alice, Number: 0, In: machine.AppendIn(nil, input(1)), Hash: recording.Hash(output(1)), Ended: true},
		{Header: alice, Number: 1, In: machine.AppendIn(nil, input(3))},
		{Header: bob, Number: 0, In: machine.AppendIn(nil, input(2)), Hash: recording.Hash(output(2)), Ended: true},
	}
	require.Empty(t, cmp.Diff(want, steps))
	require.NotEqual(t, want[0].Hash, want[2].Hash)
}

func TestRecordingThatIsCutOffSaysSoAndKeepsWhatIsWhole(t *testing.T) {
	whole := recorded(t)
	ends := map[int]int{8: 0} // where frames end, and how many steps are whole by then
	for at, n := 8, 0; at < len(whole); {
		at += 4 + int(binary.BigEndian.Uint32(whole[at:]))
		steps, err := read(whole[:at])
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(steps), n)
		n = len(steps)
		ends[at] = n
	}
	require.Len(t, ends, 1+2+3)
	last := 0
	for end := range len(whole) {
		steps, err := read(whole[:end])
		if n, ok := ends[end]; ok {
			require.NoError(t, err, "cut at %d", end)
			last = n
		} else {
			require.ErrorIs(t, err, recording.ErrCut, "cut at %d", end)
		}
		require.Len(t, steps, last, "cut at %d", end)
	}
}

func TestBytesThatAreNoRecordingAreRefused(t *testing.T) {
	whole := recorded(t)
	magic := string(whole[:8])
	frame := func(b ...byte) string {
		return magic + string(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
	}
	for name, b := range map[string]string{
		"other magic":        "dssrec\x00\x02" + string(whole[8:]),
		"other magic, short": "gif",
		"empty frame":        frame(),
		"unknown kind":       frame(3),
		"unknown machine":    frame(2, 0, 0x40, 0xf6),
		"bytes left over":    frame(1, 1, 0x60, 0x60, 0x40, 0),
		"huge frame":         magic + "\xff\xff\xff\xff",
		"frame over bound":   magic + "\x01\x00\x00\x01",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read([]byte(b))
			require.ErrorIs(t, err, recording.ErrMalformed)
		})
	}
}

func TestLengthThatPromisesMuchTakesNoMemory(t *testing.T) {
	b := append(recorded(t)[:8], 0, 0xff, 0xff, 0xff, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := read(b)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, recording.ErrCut)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestReaderStopsWhenAskedAndPassesOnErrors(t *testing.T) {
	whole := recorded(t)
	for range recording.Read(bytes.NewReader(whole)) {
		break
	}
	broken := errors.New("broken disk")
	for _, n := range []int{3, 8, 30} {
		r := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
		var last error
		for _, err := range recording.Read(r) {
			last = err
		}
		require.ErrorIs(t, last, broken, "after %d bytes", n)
	}
}

func TestErrorOfTheWriterEndsTheRecordingOnly(t *testing.T) {
	rec := recording.New(brokenWriter{})
	track, err := rec.Track(alice)
	require.NoError(t, err)
	for range 100_000 {
		track.Begin(input(1))
		track.End(output(1))
	}
	require.ErrorIs(t, rec.Flush(), io.ErrShortWrite)
	require.ErrorIs(t, rec.Flush(), io.ErrShortWrite)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, nil }

func TestInputBeyondTheBoundEndsTheRecording(t *testing.T) {
	var b bytes.Buffer
	rec := recording.New(&b)
	track, err := rec.Track(alice)
	require.NoError(t, err)
	track.Begin(machine.In{Event: machine.Ask{Cmd: machine.Raw(make([]byte, recording.MaxFrame))}})
	track.End(output(1))
	require.ErrorIs(t, rec.Flush(), recording.ErrMalformed)
}

func TestMachinesMayRecordAtTheSameTime(t *testing.T) {
	var b bytes.Buffer
	rec := recording.New(&b)
	var wg sync.WaitGroup
	for i := range 4 {
		track, err := rec.Track(recording.Header{Self: machine.Addr{Node: 1, Role: fmt.Sprint(i)}})
		require.NoError(t, err)
		wg.Go(func() {
			for n := range uint64(500) {
				track.Begin(input(n))
				track.End(output(n))
			}
		})
	}
	wg.Wait()
	require.NoError(t, rec.Flush())
	steps, err := read(b.Bytes())
	require.NoError(t, err)
	require.Len(t, steps, 2000)
	for _, s := range steps {
		require.Equal(t, recording.Hash(output(uint64(s.Number))), s.Hash)
	}
}

func FuzzReadNeverPanics(f *testing.F) {
	whole := recorded(f)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := read(b)
		if err != nil && !errors.Is(err, recording.ErrCut) {
			require.ErrorIs(t, err, recording.ErrMalformed)
		}
	})
}

func TestARecordingInAFileIsEndedByItsCloser(t *testing.T) {
	none, end, err := recording.Create("")
	require.NoError(t, err)
	require.Nil(t, none)
	require.NoError(t, end())

	path := filepath.Join(t.TempDir(), "recording")
	r, end, err := recording.Create(path)
	require.NoError(t, err)
	_, err = r.Track(recording.Header{Self: machine.Addr{Node: 1, Role: "r"}})
	require.NoError(t, err)
	require.NoError(t, end())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, b)
	for _, err := range recording.Read(bytes.NewReader(b)) {
		require.NoError(t, err)
	}

	_, _, err = recording.Create(filepath.Join(path, "below a file"))
	require.Error(t, err)
}
