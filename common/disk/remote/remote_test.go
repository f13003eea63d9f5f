package remote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/cbor"
	"dss.example/common/disk"
	"dss.example/common/disk/disktest"
	"dss.example/common/disk/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves d, and returns the other end's disk and what ends it and gets Serve's error.
func serve(t *testing.T, ctx context.Context, d disk.Disk) (*remote.Disk, func() error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- remote.Serve(ctx, far, d) }()
	end := func() error {
		if near == nil {
			return nil
		}
		_ = near.Close()
		near = nil
		return <-done
	}
	t.Cleanup(func() { _ = end() })
	return remote.New(near), end
}

func TestARemoteDiskKeepsEveryPromise(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disk.Disk {
		d, _ := serve(t, context.Background(), disk.NewMemory())
		return d
	})
}

func TestTheEndOfTheStreamEndsServeAndClosesItsFiles(t *testing.T) {
	m := disk.NewMemory()
	d, end := serve(t, context.Background(), m)
	f := disk.FS{Disk: d}
	_, err := f.Lock("lock")
	require.NoError(t, err)
	_, err = disk.FS{Disk: m}.Lock("lock")
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, end())
	_, err = disk.FS{Disk: m}.Lock("lock")
	require.NoError(t, err)
	_, err = f.Open("lock")
	require.ErrorIs(t, err, disk.Dead)
}

func TestAnotherUsersFilesAreNoFiles(t *testing.T) {
	m := disk.NewMemory()
	theirs := m.Do(disk.Call{Op: disk.Create, Name: "secret"}).File
	d, _ := serve(t, context.Background(), m)
	for _, op := range []disk.Op{disk.Read, disk.Write, disk.Truncate, disk.Preallocate, disk.Sync, disk.Stat, disk.Close} {
		require.Equal(t, disk.Result{Code: disk.BadHandle}, d.Do(disk.Call{Op: op, File: theirs}), op)
	}
	require.Equal(t, disk.Result{}, m.Do(disk.Call{Op: disk.Stat, File: theirs}))
	mine := d.Do(disk.Call{Op: disk.Open, Name: "secret"}).File
	require.Equal(t, disk.Result{}, d.Do(disk.Call{Op: disk.Stat, File: mine}))
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- remote.Serve(ctx, far, disk.NewMemory()) }()
	d := remote.New(near)
	require.Equal(t, disk.OK, d.Do(disk.Call{Op: disk.Create, Name: "a"}).Code)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, disk.Dead, d.Do(disk.Call{Op: disk.Open, Name: "a"}).Code)
	require.NoError(t, near.Close())
}

// stream reads from one side and throws away what is written.
type stream struct {
	io.Reader
	io.Writer
}

func frame(length uint32, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), b...)
}

func TestServeRefusesWhatIsNoCall(t *testing.T) {
	call := disk.Call{Op: disk.MakeDir, Name: "d"}.AppendTo(nil)
	good := frame(uint32(len(call)), call)
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"an empty frame", frame(0, nil), cbor.ErrMalformed},
		{"a frame of MaxFrame+1 bytes", frame(remote.MaxFrame+1, nil), remote.ErrFrame},
		{"a frame of 4 GiB", frame(1<<32-1, nil), remote.ErrFrame},
		{"a frame that ends early", frame(remote.MaxFrame, call), io.ErrUnexpectedEOF},
		{"a length that ends early", good[:3], io.ErrUnexpectedEOF},
		{"bytes behind the call", frame(uint32(len(call))+1, append(bytes.Clone(call), 0)), cbor.ErrMalformed},
		{"a result", frame(6, disk.Result{}.AppendTo(nil)), cbor.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := disk.NewMemory()
			in := append(bytes.Clone(good), c.in...)
			err := remote.Serve(context.Background(), stream{bytes.NewReader(in), io.Discard}, m)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, 1, m.Stats().Calls) // the good one before it
		})
	}
}

func TestALengthThatLiesCostsNoMemory(t *testing.T) {
	in := frame(remote.MaxFrame, []byte("short"))
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_ = remote.Serve(context.Background(), stream{bytes.NewReader(in), io.Discard}, disk.NewMemory())
		}
	}).AllocedBytesPerOp()
	require.Less(t, allocated, int64(64<<10))
}

func TestADiskIsDeadOnceTheOtherEndTalksNonsense(t *testing.T) {
	good := disk.Result{File: 7}.AppendTo(nil)
	ok := frame(uint32(len(good)), good)
	for _, c := range []struct {
		name string
		in   []byte
	}{
		{"an empty frame", frame(0, nil)},
		{"a frame that is too long", frame(remote.MaxFrame+1, nil)},
		{"a code that there is not", frame(6, disk.Result{Code: disk.Dead + 1}.AppendTo(nil))},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := append(append(bytes.Clone(ok), c.in...), ok...) // what comes too late is good again
			d := remote.New(stream{bytes.NewReader(in), io.Discard})
			require.Equal(t, disk.Result{File: 7}, d.Do(disk.Call{Op: disk.Open, Name: "a"}))
			require.Equal(t, disk.Result{Code: disk.Dead}, d.Do(disk.Call{Op: disk.Open, Name: "a"}))
			require.Equal(t, disk.Result{Code: disk.Dead}, d.Do(disk.Call{Op: disk.Open, Name: "a"}))
		})
	}
}

// broken is a stream that cannot be written.
type broken struct{ io.Reader }

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestADiskIsDeadOnceItCannotSend(t *testing.T) {
	d := remote.New(broken{bytes.NewReader(nil)})
	require.Equal(t, disk.Result{Code: disk.Dead}, d.Do(disk.Call{Op: disk.List, Name: "."}))
	call := disk.Call{Op: disk.List, Name: "."}.AppendTo(nil)
	err := remote.Serve(context.Background(), broken{bytes.NewReader(frame(uint32(len(call)), call))}, disk.NewMemory())
	require.ErrorContains(t, err, "broken")
}
