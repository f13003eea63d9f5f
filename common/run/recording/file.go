package recording

import (
	"errors"
	"os"
)

// Create starts a recording in a new file, or in the place of an old one; the second
// result ends it and tells its first error. An empty path records nothing: the
// Recorder is nil then.
func Create(path string) (*Recorder, func() error, error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	r := New(f)
	return r, func() error { return errors.Join(r.Flush(), f.Close()) }, nil
}
