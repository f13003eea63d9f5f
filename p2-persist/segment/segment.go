package segment

import (
	"fmt"
	"hash/crc32"
	"math"

	"dss.example/common/disk"
)

// Segment is an open segment. ReadAt may be called from many goroutines at once, also
// while one appends.
type Segment struct {
	file   *disk.File
	name   string
	header Header
	limit  int64 // bytes that may hold records
	intact bool  // its header is
	short  bool
}

// Open opens the segment that has a name. Damage is no error: Scan tells of it.
// Errors: disk's; ErrVersion.
func Open(fs disk.FS, name string, h Header) (*Segment, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	s := &Segment{file: file, name: name, header: h}
	if err := s.readHeader(); err != nil {
		_ = file.Close() // nothing was written to it
		return nil, err
	}
	return s, nil
}

func (s *Segment) readHeader() error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	b, err := s.file.ReadFull(0, int(min(size, HeaderSize)))
	if err != nil {
		return err
	}
	made, intact, err := s.header.parseHeader(b)
	if err != nil {
		return fmt.Errorf("%w: %q", err, s.name)
	}
	s.intact, s.limit, s.short = intact, min(size, MaxSize), size < HeaderSize
	if intact {
		s.limit, s.short = min(size, made), size < made
	}
	return nil
}

func checkSize(size int64) error {
	if size < HeaderSize+HeadSize || size > MaxSize {
		return fmt.Errorf("%w: %d bytes, want %d to %d", ErrSize, size, HeaderSize+HeadSize, MaxSize)
	}
	return nil
}

// Name returns the name that the segment was opened by, or was given last.
func (s *Segment) Name() string { return s.name }

// ReadAt returns the record at an offset, of size bytes with its head, as Scan or Append
// told them. It is read in one call and checked; its Payload is the caller's own.
// Errors: disk's; ErrDamaged, also if no such record was ever there.
func (s *Segment) ReadAt(offset, size int64) (Record, error) {
	if offset < HeaderSize || size < HeadSize || size > HeadSize+MaxPayload || offset > s.limit-size {
		return Record{}, s.damaged(offset, size)
	}
	b, err := s.file.ReadFull(offset, int(size))
	if err != nil {
		return Record{}, err
	}
	h, ok := s.header.parseHead(b, offset, 0, math.MaxUint64)
	if !ok || h.size() != size || h.sum != crc32.Checksum(b[HeadSize:], castagnoli) {
		return Record{}, s.damaged(offset, size)
	}
	return Record{Offset: offset, Size: size, Kind: h.kind, Number: h.number, Payload: b[HeadSize:]}, nil
}

func (s *Segment) damaged(offset, size int64) error {
	return fmt.Errorf("%w: %d bytes at %d of %q", ErrDamaged, size, offset, s.name)
}

// Close closes the file.
func (s *Segment) Close() error { return s.file.Close() }
