package car

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// Reader reads a CAR, block by block.
type Reader struct {
	r     *bufio.Reader
	roots []blob.ID
	at    int64  // where the section begins that is read
	next  int64  // where it ends
	buf   []byte // the section
	err   error  // the first one; it sticks
}

// NewReader reads the header of a CAR. It reads ahead in r. Errors: ErrMalformed, those
// of r.
func NewReader(r io.Reader) (*Reader, error) {
	c := &Reader{r: bufio.NewReaderSize(r, 64<<10)}
	if err := c.section(1, maxHeader); err == io.EOF {
		return nil, malformed(0, "it is empty")
	} else if err != nil {
		return nil, err
	}
	var h header
	if err := object.Decode(c.buf, &h); err != nil {
		return nil, malformed(c.at, "header: %w", err)
	}
	if h.Version != version || len(h.Roots) > MaxRoots {
		return nil, malformed(c.at, "version %d with %d roots, want version %d with at most %d",
			h.Version, len(h.Roots), version, MaxRoots)
	}
	c.roots = h.Roots
	return c, nil
}

// Roots returns the IDs that the header names. They need not be in the CAR.
func (c *Reader) Roots() []blob.ID { return slices.Clone(c.roots) }

// Next returns the next block, checked against its ID; its Data is the caller's until
// the next call. At the end of the CAR the error is io.EOF. Other errors: ErrMalformed,
// also for a CAR that ends in the middle of a block; those of the underlying reader.
// They stick.
func (c *Reader) Next() (Block, error) {
	if c.err != nil {
		return Block{}, c.err
	}
	b, err := c.block()
	c.err = err
	return b, err
}

func (c *Reader) block() (Block, error) {
	if err := c.section(blob.IDSize, maxBlock); err != nil {
		return Block{}, err
	}
	id, err := blob.ParseBytes(c.buf[:blob.IDSize])
	if err != nil {
		return Block{}, malformed(c.at, "%w", err)
	}
	b := Block{ID: id, Data: c.buf[blob.IDSize:]}
	if err := check(id, b.Data); err != nil {
		return Block{}, malformed(c.at, "%w", err)
	}
	return b, nil
}

// section reads the next section, of least to most bytes, into buf. It is io.EOF if
// there is none.
func (c *Reader) section(least, most int) error {
	c.at = c.next
	n, err := c.length()
	if err != nil {
		return err
	}
	if n < least || n > most {
		return malformed(c.at, "section of %d bytes, want %d to %d", n, least, most)
	}
	c.buf = slices.Grow(c.buf[:0], n)[:n]
	if _, err := io.ReadFull(c.r, c.buf); err != nil {
		return c.cut(err)
	}
	c.next += int64(n)
	return nil
}

// length reads a varint.
func (c *Reader) length() (n int, err error) {
	for i := range maxVarint {
		b, err := c.r.ReadByte()
		switch {
		case err == io.EOF && i == 0:
			return 0, io.EOF
		case err != nil:
			return 0, c.cut(err)
		}
		n |= int(b&0x7f) << (7 * i)
		c.next++
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, malformed(c.at, "length with a zero at its end")
			}
			return n, nil
		}
	}
	return 0, malformed(c.at, "length of more than %d bytes", maxVarint)
}

// cut returns the error of a read in the middle of a section.
func (c *Reader) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(c.at, "it ends within a section")
	}
	return fmt.Errorf("read a CAR at byte %d: %w", c.at, err)
}

// Import puts all blobs of a CAR into a store and returns its roots. They are durable
// after a Sync of the store. Blobs in front of an error are in the store; nothing of what
// is wrong ever is. Errors: those of Reader and of the store.
func Import(store blob.Store, r io.Reader) (roots []blob.ID, stats Stats, err error) {
	c, err := NewReader(r)
	if err != nil {
		return nil, stats, err
	}
	for {
		b, err := c.Next()
		if err == io.EOF {
			return c.Roots(), stats, nil
		}
		if err != nil {
			return nil, stats, err
		}
		if _, err := store.Put(b.ID.Codec(), b.Data); err != nil {
			return nil, stats, fmt.Errorf("%v: %w", b.ID, err)
		}
		stats.add(len(b.Data))
	}
}
