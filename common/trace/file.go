package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxLine bounds one record as a line of JSON, in bytes, newline included.
const MaxLine = 1 << 20

// Errors of trace files. Those of reading name the line.
var (
	ErrTooLong   = errors.New("trace record exceeds 1 MiB")
	ErrMalformed = errors.New("malformed trace record")
	ErrTooMany   = errors.New("too many trace records")
)

// Writer writes a trace: one line of JSON for each record.
type Writer struct {
	w   *bufio.Writer
	err error
}

// NewWriter returns a Writer to w. Nothing is sure to be there before Flush.
func NewWriter(w io.Writer) *Writer { return &Writer{w: bufio.NewWriterSize(w, 1<<16)} }

// Write adds one record. A record that no Reader would take (ErrTooLong) is left
// out whole; after an error of the underlying writer every call returns it.
func (w *Writer) Write(r *Record) error {
	if w.err != nil {
		return w.err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("trace record %d: %w", r.N, err)
	}
	if len(line) >= MaxLine {
		return fmt.Errorf("record %d, %d bytes: %w", r.N, len(line), ErrTooLong)
	}
	_, w.err = w.w.Write(append(line, '\n'))
	return w.err
}

// Flush hands everything written to the underlying writer.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

// Read yields the records of a trace one by one. It trusts nothing: a line that is
// too long or no record ends it with an error that names the line. Memory in use
// is one line and its record.
func Read(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewReaderSize(r, MaxLine)
		for n := 1; ; n++ {
			line, err := lines.ReadSlice('\n')
			if err == io.EOF && len(line) == 0 {
				return
			}
			rec, err := parse(line, err)
			if err != nil {
				yield(Record{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func parse(line []byte, err error) (rec Record, _ error) {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return rec, ErrTooLong
	case err != nil && err != io.EOF:
		return rec, err
	}
	if err := json.Unmarshal(line, &rec); err != nil {
		return rec, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return rec, nil
}

// ReadAll reads a whole trace of at most limit records; more are ErrTooMany. The
// records before an error are returned with it.
func ReadAll(r io.Reader, limit int) ([]Record, error) {
	var all []Record
	for rec, err := range Read(r) {
		if err != nil {
			return all, err
		}
		if len(all) == limit {
			return all, fmt.Errorf("%w: more than %d", ErrTooMany, limit)
		}
		all = append(all, rec)
	}
	return all, nil
}
