package dir

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"dss.example/p2-persist/file"
)

// file writes a file, unless it is there.
func (r *restorer) file(root *os.Root, temp string, e Entry) error {
	contents, err := openContents(r.store, e)
	if err != nil {
		return err
	}
	there, err := r.isThere(root, e, contents)
	if err != nil {
		return err
	}
	if there {
		err = root.Chmod(e.Name, e.Mode)
	} else if err = r.mayWrite(root, e.Name); err == nil {
		err = replace(root, temp, e.Name, func() error { return r.write(root, temp, e, contents) })
	}
	if err != nil {
		return err
	}
	r.stats.Files++
	r.stats.Bytes += e.Size
	if !there {
		r.stats.BytesWritten += e.Size
	}
	return nil
}

// write makes the whole file under the temporary name. It has the owner's mode until it
// is complete.
func (r *restorer) write(root *os.Root, temp string, e Entry, contents *file.File) error {
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = r.fill(f, contents)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return finish(root, temp, e)
}

// fill writes the contents of a file. Holes are left out: a hostile file may say that it
// has more zeros than any disk.
func (r *restorer) fill(f *os.File, contents *file.File) error {
	for s, err := range contents.Spans(0) {
		if err == nil {
			err = r.ctx.Err()
		}
		if err == nil && s.Data != nil {
			_, err = f.WriteAt(s.Data, s.Offset)
		}
		if err != nil {
			return err
		}
	}
	return f.Truncate(contents.Size())
}

// isThere reports whether the file is there already, complete, with its time. That it
// looks so is not enough: a crash may have lost its bytes.
func (r *restorer) isThere(root *os.Root, e Entry, contents *file.File) (bool, error) {
	found, err := root.Lstat(e.Name)
	if err != nil || !found.Mode().IsRegular() ||
		found.Size() != e.Size || found.ModTime().UnixNano() != e.Mtime {
		return false, nil // whoever wants to write there will see why not
	}
	f, err := root.Open(e.Name)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	return sameBytes(r.ctx, f, contents)
}

// sameBytes reports whether a file has the given contents. Errors of the file mean that it
// has not.
func sameBytes(ctx context.Context, f io.Reader, contents *file.File) (bool, error) {
	const size = 64 << 10
	var have, want [size]byte
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := io.ReadFull(contents, want[:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return false, err
		}
		m, _ := io.ReadFull(f, have[:])
		if m != n || !bytes.Equal(have[:m], want[:n]) {
			return false, nil
		}
		if n < size {
			return true, nil
		}
	}
}
