package disk

import (
	"errors"
	"fmt"
	"strings"
)

// FS is a disk with a method for each operation. Its errors are *[Error], and those of
// [CheckName] and ErrTooLarge where they are named. It is safe for concurrent use.
type FS struct{ Disk }

// Error is a call that did not end as OK. It unwraps to its Code.
type Error struct {
	Op   Op
	Name string // of the file or directory
	Code Code
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s %q: %s", e.Op, e.Name, e.Code) }

// Unwrap returns the Code, so that errors.Is(err, NotFound) tells why.
func (e *Error) Unwrap() error { return e.Code }

// ErrTooLarge tells that ReadFile found more bytes than its caller wants to have.
var ErrTooLarge = errors.New("file is too large")

// do carries out a call. An error that is about a bad name says what is wrong with it.
func (f FS) do(c Call) (Result, error) {
	r := f.Do(c)
	switch {
	case r.Code == OK:
		return r, nil
	case r.Code == BadName && CheckName(c.Name) != nil:
		return r, fmt.Errorf("%s: %w", c.Op, CheckName(c.Name))
	case r.Code == BadName && c.Op == Rename && CheckName(c.To) != nil:
		return r, fmt.Errorf("%s %q: %w", c.Op, c.Name, CheckName(c.To))
	}
	return r, &Error{Op: c.Op, Name: c.Name, Code: r.Code}
}

// Open opens a file that is there.
func (f FS) Open(name string) (*File, error) { return f.open(Open, name) }

// Create makes a file. Its name is durable after a SyncDir.
func (f FS) Create(name string) (*File, error) { return f.open(Create, name) }

// Lock opens or makes a file that nobody else has locked; until it is closed nobody else
// can lock it.
func (f FS) Lock(name string) (*File, error) { return f.open(Lock, name) }

func (f FS) open(op Op, name string) (*File, error) {
	r, err := f.do(Call{Op: op, Name: name})
	if err != nil {
		return nil, err
	}
	return &File{disk: f.Disk, handle: r.File, name: name}, nil
}

// Rename gives a file or directory another name, in place of the file that has it. It is
// durable after a SyncDir of its directory, or of both if they are two.
func (f FS) Rename(from, to string) error {
	_, err := f.do(Call{Op: Rename, Name: from, To: to})
	return err
}

// Remove removes a file or an empty directory. That is durable after a SyncDir.
func (f FS) Remove(name string) error {
	_, err := f.do(Call{Op: Remove, Name: name})
	return err
}

// MakeDir makes a directory. Its name is durable after a SyncDir of the one that it is in.
func (f FS) MakeDir(name string) error {
	_, err := f.do(Call{Op: MakeDir, Name: name})
	return err
}

// MakeAll makes a directory and those above it that are missing, and makes the names of
// them all durable: also of those that were there, for who made them may have been killed
// before it synced.
func (f FS) MakeAll(name string) error {
	if err := CheckName(name); err != nil || name == "." {
		return err
	}
	for end := 0; end < len(name); end++ {
		if n := strings.IndexByte(name[end:], '/'); n >= 0 {
			end += n
		} else {
			end = len(name)
		}
		if err := f.MakeDir(name[:end]); err != nil && !errors.Is(err, Exists) {
			return err
		}
		above, _ := split(name[:end])
		if err := f.SyncDir(above); err != nil {
			return err
		}
	}
	return f.SyncDir(name) // tells a file from a directory
}

// List returns the names in a directory, sorted, those of directories with a "/" behind
// them. They are what the system has: CheckName need not agree with them.
func (f FS) List(name string) ([]string, error) {
	r, err := f.do(Call{Op: List, Name: name})
	return r.Names, err
}

// SyncDir makes what happened to the names in a directory durable. After an error nobody
// knows what is, and whoever sees it must stop.
func (f FS) SyncDir(name string) error {
	_, err := f.do(Call{Op: SyncDir, Name: name})
	return err
}

// Exists tells whether there is a file or directory of that name.
func (f FS) Exists(name string) (bool, error) {
	file, err := f.Open(name)
	switch {
	case errors.Is(err, WrongKind):
		return true, nil
	case errors.Is(err, NotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, file.Close()
}

// ReadFile returns the contents of a file of at most max bytes; more are ErrTooLarge.
func (f FS) ReadFile(name string, max int) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := file.readAll(max)
	return b, errors.Join(err, file.Close())
}
