package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Dir is a Disk in a directory of the system. No name leads out of it, by ".." or by a
// symbolic link. Its files are for this user's eyes only.
//
// Sync is fdatasync and Lock is flock where the system has them. Where a directory cannot
// be synced (Windows) SyncDir is Unsupported, and Lock where there is no flock.
type Dir struct {
	root *os.Root

	mu     sync.RWMutex // guards what follows
	files  map[Handle]openFile
	next   Handle
	closed bool
}

type openFile struct {
	*os.File
	raw syscall.RawConn // of the File, for the calls that os has not
}

// OpenDir returns the disk in a directory, which is made if it is missing; then its name
// is durable. The errors are the system's.
func OpenDir(path string) (*Dir, error) {
	if err := makeDurably(path); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{root: root, files: map[Handle]openFile{}}, nil
}

// makeDurably makes a directory of the system, with those above it.
func makeDurably(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	err = os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if err := makeDurably(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	above, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(syncDir(above), above.Close())
}

// Close closes all files and ends the disk: later calls are Dead.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return Dead
	}
	d.closed = true
	err := d.root.Close()
	for h, f := range d.files {
		err = errors.Join(err, f.Close())
		delete(d.files, h)
	}
	return err
}

// Do implements Disk.
func (d *Dir) Do(c Call) Result {
	if code := c.check(); code != OK {
		return Result{Code: code}
	}
	switch c.Op {
	case Open:
		return d.open(c.Name, os.O_RDWR, false)
	case Create:
		return d.open(c.Name, os.O_RDWR|os.O_CREATE|os.O_EXCL, false)
	case Lock:
		return d.open(c.Name, os.O_RDWR|os.O_CREATE, true)
	case Close:
		return d.closeFile(c.File)
	case List:
		return d.list(c.Name)
	case Rename, Remove, MakeDir, SyncDir:
		return Result{Code: d.change(c)}
	}
	f, code := d.file(c.File)
	if code != OK {
		return Result{Code: code}
	}
	r := f.do(c)
	if r.Code == BadHandle { // closed under the call
		_, r.Code = d.file(c.File)
	}
	return r
}

// change carries out a call about names.
func (d *Dir) change(c Call) Code {
	var err error
	switch c.Op {
	case Rename:
		if err = d.root.Rename(c.Name, c.To); errors.Is(err, syscall.ENOTDIR) && d.isFile(c.To) {
			return WrongKind
		}
	case Remove:
		err = d.root.Remove(c.Name)
	case MakeDir:
		err = d.root.Mkdir(c.Name, 0o700)
	case SyncDir:
		var dir *os.File
		if dir, err = d.openDir(c.Name); err == nil {
			err = errors.Join(syncDir(dir), dir.Close())
		}
	}
	return d.codeOf(err)
}

func (d *Dir) isFile(name string) bool {
	info, err := d.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

func (d *Dir) open(name string, flag int, lock bool) Result {
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return Result{Code: d.codeOf(err)}
	}
	h, err := d.admit(f, lock)
	if err != nil {
		_ = f.Close() // nothing was written to it
		return Result{Code: d.codeOf(err)}
	}
	return Result{File: h}
}

// admit gives a handle to a file that was opened, if it is one.
func (d *Dir) admit(f *os.File, lock bool) (Handle, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, WrongKind
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if lock {
		if err := lockFile(raw); err != nil {
			return 0, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return 0, Dead
	case len(d.files) == MaxHandles || d.next == ^Handle(0):
		return 0, TooMany
	}
	d.next++
	d.files[d.next] = openFile{File: f, raw: raw}
	return d.next, nil
}

func (d *Dir) file(h Handle) (openFile, Code) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	f, ok := d.files[h]
	switch {
	case ok:
		return f, OK
	case d.closed:
		return f, Dead
	}
	return f, BadHandle
}

func (d *Dir) closeFile(h Handle) Result {
	f, code := d.file(h)
	if code != OK {
		return Result{Code: code}
	}
	d.mu.Lock()
	delete(d.files, h)
	d.mu.Unlock()
	return Result{Code: d.codeOf(f.Close())}
}

// openDir opens a directory to be listed or synced. It looks first, for to open what is no
// directory may wait.
func (d *Dir) openDir(name string) (*os.File, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, WrongKind
	}
	return d.root.Open(name)
}

func (d *Dir) list(name string) Result {
	dir, err := d.openDir(name)
	if err != nil {
		return Result{Code: d.codeOf(err)}
	}
	entries, err := dir.ReadDir(MaxNames + 1)
	if err == io.EOF { // there is none
		err = nil
	}
	if err = errors.Join(err, dir.Close()); err != nil {
		return Result{Code: d.codeOf(err)}
	}
	if len(entries) > MaxNames {
		return Result{Code: TooMany}
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return Result{Names: names}
}

// do carries out a call about an open file.
func (f openFile) do(c Call) Result {
	switch c.Op {
	case Read:
		return f.read(c.Offset, c.Size)
	case Write:
		return f.write(c.Data, c.Offset)
	}
	size, err := f.size()
	if err == nil {
		switch c.Op {
		case Stat:
			return Result{Size: size}
		case Sync:
			err = syncData(f.File, f.raw)
		case Truncate:
			if err = BadCall; c.Size <= size {
				err = f.Truncate(c.Size)
			}
		case Preallocate:
			if c.Size > size {
				err = preallocate(f.File, f.raw, size, c.Size)
			}
		}
	}
	return Result{Code: codeOf(err)}
}

// size asks for the size by a seek, which unlike Stat allocates nothing. No other call
// uses the place that it leaves.
func (f openFile) size() (int64, error) { return f.Seek(0, io.SeekEnd) }

func (f openFile) read(offset, size int64) Result {
	const small = 64 << 10 // bytes that are allocated before it is known that they are there
	if size > small {
		end, err := f.size()
		if err != nil {
			return Result{Code: codeOf(err)}
		}
		size = min(size, max(end-offset, 0))
	}
	if size == 0 {
		return Result{}
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, offset)
	switch {
	case err != nil && err != io.EOF:
		return Result{Code: codeOf(err)}
	case n == 0:
		return Result{}
	}
	return Result{Data: b[:n]}
}

func (f openFile) write(data []byte, offset int64) Result {
	size, err := f.size()
	if err == nil && offset > size {
		err = BadCall
	}
	if err != nil {
		return Result{Code: codeOf(err)}
	}
	n, err := f.WriteAt(data, offset)
	switch code := codeOf(err); code {
	case OK:
		return Result{Size: int64(n)}
	case NoSpace: // os does not tell what it wrote before; where the file ends now does
		end, err := f.size()
		if err != nil || end == size {
			return Result{Code: code}
		}
		return Result{Code: code, Size: min(end-offset, int64(len(data)))}
	default:
		return Result{Code: code}
	}
}

// codeOf is codeOf for a disk that may have been closed under the call.
func (d *Dir) codeOf(err error) Code {
	code := codeOf(err)
	if code == BadHandle {
		_, code = d.file(0)
	}
	return code
}

// codes are the errors of the system that have a code, those before others first.
var codes = []struct {
	err  error
	code Code
}{
	{fs.ErrNotExist, NotFound},
	{syscall.ENOTDIR, NotFound}, // something on the way is no directory
	{fs.ErrExist, Exists},
	{syscall.ENOTEMPTY, Exists},
	{syscall.EISDIR, WrongKind},
	{syscall.ENOSPC, NoSpace},
	{syscall.EDQUOT, NoSpace},
	{syscall.EFBIG, NoSpace},
	{syscall.EWOULDBLOCK, Locked},
	{syscall.ENAMETOOLONG, BadName},
	{syscall.ELOOP, BadName},
	{syscall.EINVAL, BadCall},
	{syscall.EMFILE, TooMany},
	{syscall.ENFILE, TooMany},
	{errors.ErrUnsupported, Unsupported},
	{fs.ErrPermission, Forbidden},
	{syscall.EROFS, Forbidden},
	{fs.ErrClosed, BadHandle},
}

func codeOf(err error) Code {
	if err == nil {
		return OK
	}
	var code Code
	if errors.As(err, &code) {
		return code
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) { // os.Root's own: the name leads out of it
		return BadName
	}
	return IO
}
