// Package remote is a disk in another process: a [Disk] on one end of a stream of bytes,
// [Serve] with any disk on the other. So a judge stands in as the disk of a program that
// it does not trust.
//
// A frame is the length of what follows, four bytes, the highest first, and the encoding
// of a disk.Call or disk.Result. Each call has one result, in order.
package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"dss.example/common/disk"
)

// MaxFrame bounds one frame in bytes, without its length: the largest list of names, or
// the largest data with the longest names beside it.
const MaxFrame = max(disk.MaxNames*(disk.MaxName+4), disk.MaxData+2*disk.MaxPath) + 64

// ErrFrame tells of a frame that is longer than MaxFrame.
var ErrFrame = errors.New("frame is too long")

// Disk is a disk.Disk whose calls are carried out at the other end of a stream. Calls
// that come at the same time are sent one after the other. When the stream fails or says
// something that is no result, the disk is Dead.
type Disk struct {
	mu   sync.Mutex // held during a call; guards what follows
	rw   io.ReadWriter
	buf  []byte
	dead bool
}

// New returns the disk that is served at the other end of rw. Nobody else uses rw.
func New(rw io.ReadWriter) *Disk { return &Disk{rw: rw} }

// Do implements disk.Disk.
func (d *Disk) Do(c disk.Call) disk.Result {
	if len(c.Data) > disk.MaxData {
		return disk.Result{Code: disk.BadCall}
	}
	if len(c.Name) > disk.MaxPath || len(c.To) > disk.MaxPath {
		return disk.Result{Code: disk.BadName}
	}
	if c.Op == 0 || c.Op > disk.SyncDir {
		return disk.Result{Code: disk.BadCall}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return disk.Result{Code: disk.Dead}
	}
	r, err := d.ask(c)
	if err != nil {
		d.dead = true
		return disk.Result{Code: disk.Dead}
	}
	return r
}

func (d *Disk) ask(c disk.Call) (disk.Result, error) {
	var err error
	if d.buf, err = send(d.rw, d.buf, c); err != nil {
		return disk.Result{}, err
	}
	b, err := receive(d.rw)
	if err != nil {
		return disk.Result{}, err
	}
	return disk.DecodeResult(b)
}

// Serve carries out the calls that come from rw on a disk until rw ends, and returns nil
// then; or until ctx is done: then it closes rw if that can be closed, and returns ctx's
// error. A frame that is too long or no call ends it with an error.
//
// The other end uses the files that it has opened here and no others. They are closed when
// Serve returns.
func Serve(ctx context.Context, rw io.ReadWriter, d disk.Disk) error {
	if c, ok := rw.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
	}
	s := server{disk: d}
	defer s.close()
	var buf []byte
	for ctx.Err() == nil {
		b, err := receive(rw)
		if err == nil {
			var c disk.Call
			if c, err = disk.DecodeCall(b); err == nil {
				buf, err = send(rw, buf, s.do(c))
			}
		}
		if err != nil && ctx.Err() == nil {
			return ended(err)
		}
	}
	return ctx.Err()
}

// ended tells the end of a stream between two frames from other errors.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("serve disk: %w", err)
}

// server is one end's use of a disk.
type server struct {
	disk  disk.Disk
	files []disk.Handle // open, sorted
}

func (s *server) do(c disk.Call) disk.Result {
	switch c.Op {
	case disk.Read, disk.Write, disk.Truncate, disk.Preallocate, disk.Sync, disk.Stat, disk.Close:
		i, ok := slices.BinarySearch(s.files, c.File)
		if !ok {
			c.File = 0 // another's, perhaps
		} else if c.Op == disk.Close {
			s.files = slices.Delete(s.files, i, i+1)
		}
	}
	r := s.disk.Do(c)
	if r.File != 0 {
		i, _ := slices.BinarySearch(s.files, r.File)
		s.files = slices.Insert(s.files, i, r.File)
	}
	return r
}

// close does what the end of a process does to its files.
func (s *server) close() {
	for _, f := range s.files {
		s.disk.Do(disk.Call{Op: disk.Close, File: f})
	}
}

// send writes one frame, in one piece that is put together in buf.
func send(w io.Writer, buf []byte, v interface{ AppendTo([]byte) []byte }) ([]byte, error) {
	b := v.AppendTo(append(buf[:0], 0, 0, 0, 0))
	if len(b)-4 > MaxFrame {
		return buf, ErrFrame
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := w.Write(b)
	const keep = 1 << 20 // bytes that are worth keeping for the next frame
	if cap(b) > keep {
		return nil, err
	}
	return b, err
}

// receive reads one frame. Its memory grows with what has come, not with what the length
// promises. The end of the stream between two frames is io.EOF.
func receive(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b.Bytes(), nil
}
