package disk

import (
	"fmt"
	"io"
)

// File is an open file. It may be used from many goroutines at once.
type File struct {
	disk   Disk
	handle Handle
	name   string
}

// Name returns the name that the file was opened by.
func (f *File) Name() string { return f.name }

func (f *File) do(c Call) (Result, error) {
	c.File = f.handle
	r := f.disk.Do(c)
	if r.Code != OK {
		return r, &Error{Op: c.Op, Name: f.name, Code: r.Code}
	}
	return r, nil
}

// ReadAt implements [io.ReaderAt]: fewer than len(p) bytes come with an error, io.EOF at
// the end of the file.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	n := 0
	for n < len(p) {
		want := min(len(p)-n, MaxData)
		r, err := f.do(Call{Op: Read, Offset: offset + int64(n), Size: int64(want)})
		if err != nil {
			return n, err
		}
		n += copy(p[n:], r.Data)
		if len(r.Data) < want {
			return n, io.EOF
		}
	}
	return n, nil
}

// ReadFull returns the size bytes at offset, at most MaxData, as the disk read them: they
// are the caller's own, and not copied. If the file ends before them the error wraps
// io.ErrUnexpectedEOF.
func (f *File) ReadFull(offset int64, size int) ([]byte, error) {
	r, err := f.do(Call{Op: Read, Offset: offset, Size: int64(size)})
	if err != nil {
		return nil, err
	}
	if len(r.Data) < size {
		return nil, fmt.Errorf("read %q, %d bytes at %d: %w", f.name, size, offset, io.ErrUnexpectedEOF)
	}
	return r.Data, nil
}

// readAll returns all bytes of the file if they are at most max.
func (f *File) readAll(max int) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > int64(max) {
		return nil, fmt.Errorf("%w: %q has %d bytes, at most %d", ErrTooLarge, f.name, size, max)
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF { // cut since it was asked for its size
		err = nil
	}
	return b[:n], err
}

// WriteAt implements [io.WriterAt]: all of p is written, or n bytes of it and an error.
// The offset is at most the file's size.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	n := 0
	for n < len(p) {
		piece := p[n:min(n+MaxData, len(p))]
		r, err := f.do(Call{Op: Write, Offset: offset + int64(n), Data: piece})
		n += min(max(int(r.Size), 0), len(piece))
		switch {
		case err != nil:
			return n, err
		case r.Size <= 0 || r.Size > int64(len(piece)): // a disk that gets nowhere, or lies
			return n, &Error{Op: Write, Name: f.name, Code: IO}
		}
	}
	return n, nil
}

// Truncate cuts the file to size bytes, at most its size.
func (f *File) Truncate(size int64) error {
	_, err := f.do(Call{Op: Truncate, Size: size})
	return err
}

// Preallocate makes the file at least size bytes long, with zeros, and finds out now
// whether the disk has room for them. Nobody writes at the end of the file meanwhile.
func (f *File) Preallocate(size int64) error {
	_, err := f.do(Call{Op: Preallocate, Size: size})
	return err
}

// Sync makes the file's bytes and size durable. After an error nobody knows what is:
// whoever sees it must stop, and not sync again.
func (f *File) Sync() error {
	_, err := f.do(Call{Op: Sync})
	return err
}

// Size returns the file's size in bytes.
func (f *File) Size() (int64, error) {
	r, err := f.do(Call{Op: Stat})
	return r.Size, err
}

// Close ends the file and its lock, whatever it returns. It syncs nothing.
func (f *File) Close() error {
	_, err := f.do(Call{Op: Close})
	return err
}
