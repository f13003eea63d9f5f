package pipe

import (
	"errors"
	"io"
	"slices"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/stable"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/tree"
	"dss.example/p2-persist/wal"
)

// known returns the errors that keep their identity on the way. Both ends are built
// from one list; a new error goes to its end.
func known() []error {
	return []error{
		io.EOF, io.ErrUnexpectedEOF,
		blob.ErrNotFound, blob.ErrCorrupt, blob.ErrTooLarge, blob.ErrBadID, blob.ErrBatch, blob.ErrFailed, blob.ErrClosed,
		stable.ErrFailed, stable.ErrClosed, stable.ErrTooLarge, stable.ErrTrim,
		disk.NotFound, disk.Exists, disk.NoSpace, disk.IO, disk.Locked, disk.BadName, disk.Dead,
		object.ErrInvalid, object.ErrMismatch, object.ErrUnencodable,
		chunk.ErrCutter, chunk.ErrReader, chunk.ErrParameters,
		file.ErrMalformed, file.ErrTooLarge, file.ErrOffset,
		tree.ErrNode, tree.ErrShape, tree.ErrOrder, tree.ErrKey, tree.ErrValue, tree.ErrTarget, tree.ErrIndex, tree.ErrProof,
		segment.ErrTooLarge, segment.ErrFull, segment.ErrSize, segment.ErrKind, segment.ErrVersion, segment.ErrDamaged, segment.ErrFailed, segment.ErrClosed,
		wal.ErrLocked, wal.ErrOptions, wal.ErrDamaged,
		pack.ErrOptions, pack.ErrMark, pack.ErrPacks,
		head.ErrNotFound, head.ErrCorrupt, head.ErrConflict, head.ErrBadName, head.ErrNoBlob, head.ErrTooMany, head.ErrFailed, head.ErrClosed,
		history.ErrMalformed, history.ErrConflict, history.ErrExists, history.ErrBadName, history.ErrUnknown, history.ErrAmbiguous, history.ErrSpec,
	}
}

// maxText bounds what is told of an error, in bytes.
const maxText = 4 << 10

// Fail returns the answer that tells of an error.
func Fail(err error) Message {
	m := Say(Failed, nil, []byte(clip(err.Error())))
	for i, k := range known() {
		if errors.Is(err, k) {
			m.Numbers = append(m.Numbers, uint64(i))
		}
	}
	return m
}

func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxText)], "?") }

// Err returns what an answer tells of: nil if it is OK. The error is errors.Is of those
// known that the original was.
func (m Message) Err() error {
	switch {
	case m.Verb == OK:
		return nil
	case m.Verb != Failed || len(m.Bytes) != 1:
		return ErrPipe
	}
	f := failure{text: clip(string(m.Bytes[0]))}
	all := known()
	for _, n := range m.Numbers {
		if n < uint64(len(all)) && !slices.Contains(f.is, all[n]) {
			f.is = append(f.is, all[n])
		}
	}
	return f
}

// failure is an error of the other end.
type failure struct {
	text string
	is   []error
}

func (f failure) Error() string { return f.text }

// Unwrap returns the known errors that it is.
func (f failure) Unwrap() []error { return f.is }
