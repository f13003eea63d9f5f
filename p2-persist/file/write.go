package file

import (
	"fmt"
	"io"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
)

// Write stores what r delivers and returns the ID of the file and its size in bytes.
// Two workers hash and store its chunks. See Writer.Put.
func Write(store blob.Store, r io.Reader, c chunk.Cutter) (blob.ID, int64, error) {
	return NewWriter(store, c, 2).Put(r)
}

// Writer stores files, one after the other, and uses its memory again. One goroutine
// uses it at a time.
type Writer struct {
	stream *chunk.Stream
	queue  queue
}

// NewWriter returns a Writer that cuts files with c. Up to workers goroutines (at most
// MaxWorkers) put chunks while the caller's cuts; with 0 the caller's does all, so that
// the store sees the same calls in the same order for the same bytes.
//
// It needs at most 2·c.Max() bytes of memory, as many for each worker, and a node a
// level.
func NewWriter(store blob.Store, c chunk.Cutter, workers int) *Writer {
	return &Writer{
		stream: chunk.NewStream(nil, c),
		queue:  newQueue(store, workers),
	}
}

// Put stores what r delivers and returns the ID of the file and its size in bytes. The
// file is durable after a Sync of the store, as each of its blobs.
//
// It needs one pass and bounded memory. An error leaves blobs behind that nothing links
// to; the collector takes them. Errors: those of r, of the store and of the cutter;
// ErrTooLarge.
func (w *Writer) Put(r io.Reader) (id blob.ID, size int64, err error) {
	t := &tree{store: w.queue.store}
	if size, err = w.putChunks(r, t); err != nil {
		return blob.ID{}, 0, err
	}
	if id, err = t.root(); err != nil {
		return blob.ID{}, 0, err
	}
	return id, size, nil
}

// putChunks cuts r, stores the chunks, and adds them to t in their order.
func (w *Writer) putChunks(r io.Reader, t *tree) (size int64, err error) {
	defer w.queue.close()
	w.stream.Reset(r)
	for {
		c, err := w.stream.Next()
		if err == io.EOF {
			return size, w.queue.drain(t)
		}
		if err != nil {
			return 0, fmt.Errorf("read the file: %w", err)
		}
		size += int64(len(c.Data))
		if err := w.queue.add(c, t); err != nil {
			return 0, err
		}
	}
}
