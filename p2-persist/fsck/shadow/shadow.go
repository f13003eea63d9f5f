// Package shadow is a disk that begins as another one and never changes it: so one sees
// what a program would do to a disk before it does.
package shadow

import (
	"bytes"
	"strings"
	"sync"

	"dss.example/common/disk"
)

// Disk is a disk.Disk that shows a base and keeps all changes in memory. The names are in
// memory from the start; a file stays where it is until somebody writes to it, and is
// copied then as a whole. A lock of a file that the base has is taken there too.
//
// Nobody else changes the base meanwhile. Nothing is durable.
type Disk struct {
	base disk.Disk
	pace func(bytes int) error

	mu    sync.Mutex // guards what follows
	upper *disk.Memory
	files map[string]*file            // of the base, by the names that they have now
	open  map[disk.Handle]*file       // open files of the base; the handles are upper's
	locks map[disk.Handle]disk.Handle // those that are held on the base
}

// file is a file of the base.
type file struct {
	name     string      // in the base
	handle   disk.Handle // on the base, while somebody has it open
	users    int         // handles on it
	isCopied bool        // to upper: the base's is not used any more
}

// New returns the shadow of a base. pace is told how many bytes of the base were read, and
// returns when more may be; if it returns an error, the call ends as disk.IO. Errors: the
// base's.
func New(base disk.Disk, pace func(bytes int) error) (*Disk, error) {
	d := &Disk{
		base: base, pace: pace, upper: disk.NewMemory(), files: map[string]*file{},
		open: map[disk.Handle]*file{}, locks: map[disk.Handle]disk.Handle{},
	}
	d.upper.SetCapacity(1 << 40)
	d.upper.SetPieces(1)
	return d, d.learn(".")
}

// learn takes over the names in a directory of the base and below it. Where a name breaks
// the rules of disk.CheckName nobody could use it.
func (d *Disk) learn(dir string) error {
	names, err := disk.FS{Disk: d.base}.List(dir)
	if err != nil {
		return err
	}
	upper := disk.FS{Disk: d.upper}
	for _, name := range names {
		name, isDir := strings.CutSuffix(name, "/")
		if dir != "." {
			name = dir + "/" + name
		}
		switch {
		case disk.CheckName(name) != nil:
		case isDir:
			if err := upper.MakeDir(name); err != nil {
				return err
			}
			if err := d.learn(name); err != nil {
				return err
			}
		default:
			if err := upper.Replace(name, nil); err != nil {
				return err
			}
			d.files[name] = &file{name: name}
		}
	}
	return nil
}

// IsSame tells whether a name is that of a file as the base has it under this name.
func (d *Disk) IsSame(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	return f != nil && f.name == name && !f.isCopied
}

// Close closes what is open still. Errors: the base's.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var code disk.Code
	for handle := range d.open {
		code = max(code, d.release(handle))
	}
	return code.Err()
}

// Do implements disk.Disk. All that is about names is memory's business.
func (d *Disk) Do(c disk.Call) disk.Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.open[c.File]; f != nil && !f.isCopied {
		switch c.Op {
		case disk.Read, disk.Stat:
			return d.read(f, c)
		case disk.Write, disk.Truncate, disk.Preallocate:
			if code := d.copyUp(f, c.File); code != disk.OK {
				return disk.Result{Code: code}
			}
		}
	}
	r := d.upper.Do(c)
	if r.Code != disk.OK {
		return r
	}
	switch c.Op {
	case disk.Open, disk.Lock:
		if code := d.use(c, r.File); code != disk.OK {
			d.release(r.File)
			d.upper.Do(disk.Call{Op: disk.Close, File: r.File})
			return disk.Result{Code: code}
		}
	case disk.Close:
		r.Code = d.release(c.File)
	case disk.Remove:
		delete(d.files, c.Name)
	case disk.Rename:
		d.rename(c.Name, c.To)
	}
	return r
}

// use opens a file of the base for a handle of upper's, and locks it if that is asked for.
func (d *Disk) use(c disk.Call, handle disk.Handle) disk.Code {
	f := d.files[c.Name]
	if f == nil || f.isCopied && c.Op != disk.Lock {
		return disk.OK
	}
	if c.Op == disk.Lock {
		r := d.base.Do(disk.Call{Op: disk.Lock, Name: f.name})
		if r.Code != disk.OK {
			return r.Code
		}
		d.locks[handle] = r.File
	}
	if f.users == 0 {
		r := d.base.Do(disk.Call{Op: disk.Open, Name: f.name})
		if r.Code != disk.OK {
			return r.Code
		}
		f.handle = r.File
	}
	f.users++
	d.open[handle] = f
	return disk.OK
}

// release gives back what use has taken for a handle.
func (d *Disk) release(handle disk.Handle) disk.Code {
	var code disk.Code
	if lock, isLocked := d.locks[handle]; isLocked {
		code = d.base.Do(disk.Call{Op: disk.Close, File: lock}).Code
		delete(d.locks, handle)
	}
	f := d.open[handle]
	if f == nil {
		return code
	}
	delete(d.open, handle)
	if f.users--; f.users == 0 {
		code = max(code, d.base.Do(disk.Call{Op: disk.Close, File: f.handle}).Code)
	}
	return code
}

// read does a call that only reads on the base.
func (d *Disk) read(f *file, c disk.Call) disk.Result {
	c.File = f.handle
	r := d.base.Do(c)
	if len(r.Data) > 0 && d.pace(len(r.Data)) != nil {
		return disk.Result{Code: disk.IO}
	}
	return r
}

// copyUp copies a file of the base to the file of a handle, but for the zeros that it is
// made with.
func (d *Disk) copyUp(f *file, to disk.Handle) disk.Code {
	const most = 1 << 20 // bytes at once
	size := d.read(f, disk.Call{Op: disk.Stat})
	if size.Code != disk.OK {
		return size.Code
	}
	d.upper.Do(disk.Call{Op: disk.Preallocate, File: to, Size: size.Size})
	for at := int64(0); at < size.Size; at += most {
		r := d.read(f, disk.Call{Op: disk.Read, Offset: at, Size: most})
		if r.Code != disk.OK {
			return r.Code
		}
		if len(bytes.TrimLeft(r.Data, "\x00")) > 0 {
			d.upper.Do(disk.Call{Op: disk.Write, File: to, Offset: at, Data: r.Data})
			d.upper.Do(disk.Call{Op: disk.Sync, File: to}) // so that memory forgets how it came
		}
	}
	f.isCopied = true
	return disk.OK
}

// rename lets files of the base follow their names.
func (d *Disk) rename(from, to string) {
	delete(d.files, to)
	moved := map[string]*file{}
	for name, f := range d.files {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			delete(d.files, name)
			moved[to+rest] = f
		}
	}
	for name, f := range moved {
		d.files[name] = f
	}
}
