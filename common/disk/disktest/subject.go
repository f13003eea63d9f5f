package disktest

import (
	"fmt"
	"reflect"

	"dss.example/common/disk"
)

// subject is the disk under test. The first broken promise sticks in err and makes the
// rest of a check do nothing.
type subject struct {
	disk disk.Disk
	err  error
}

// wants demands that a call has exactly this result.
func (s *subject) wants(c disk.Call, want disk.Result) {
	if s.err != nil {
		return
	}
	if got := s.disk.Do(c); !reflect.DeepEqual(got, want) {
		s.err = fmt.Errorf("%v: got %v, want %v", c, short(got), short(want))
	}
}

// short prints a result whose data may be long.
func short(r disk.Result) string {
	data := fmt.Sprintf("%q", r.Data)
	if len(r.Data) > 64 {
		data = fmt.Sprintf("%d bytes", len(r.Data))
	}
	return fmt.Sprintf("{%v file %d size %d data %s names %q}", r.Code, r.File, r.Size, data, r.Names)
}

// ends demands that a call ends with a code, and returns nothing with it.
func (s *subject) ends(c disk.Call, want disk.Code) { s.wants(c, disk.Result{Code: want}) }

// open demands a handle, by Open, Create or Lock.
func (s *subject) open(op disk.Op, name string) disk.Handle {
	if s.err != nil {
		return 0
	}
	c := disk.Call{Op: op, Name: name}
	r := s.disk.Do(c)
	if r.File == 0 || !reflect.DeepEqual(r, disk.Result{File: r.File}) {
		s.err = fmt.Errorf("%v: got %v, want a file and nothing else", c, short(r))
	}
	return r.File
}

func (s *subject) close(f disk.Handle) { s.ends(disk.Call{Op: disk.Close, File: f}, disk.OK) }

func (s *subject) write(f disk.Handle, offset int64, text string) {
	s.wants(disk.Call{Op: disk.Write, File: f, Offset: offset, Data: []byte(text)}, disk.Result{Size: int64(len(text))})
}

// holds demands that a file has these bytes and no others.
func (s *subject) holds(f disk.Handle, text string) {
	s.wants(disk.Call{Op: disk.Stat, File: f}, disk.Result{Size: int64(len(text))})
	s.reads(f, 0, int64(len(text))+1, text)
}

func (s *subject) reads(f disk.Handle, offset, size int64, text string) {
	var data []byte
	if text != "" {
		data = []byte(text)
	}
	s.wants(disk.Call{Op: disk.Read, File: f, Offset: offset, Size: size}, disk.Result{Data: data})
}

// put makes a file with contents.
func (s *subject) put(name, text string) {
	f := s.open(disk.Create, name)
	s.write(f, 0, text)
	s.close(f)
}

// has demands that a name leads to a file with these bytes.
func (s *subject) has(name, text string) {
	f := s.open(disk.Open, name)
	s.holds(f, text)
	s.close(f)
}

func (s *subject) makeDir(name string) { s.ends(disk.Call{Op: disk.MakeDir, Name: name}, disk.OK) }

func (s *subject) lists(name string, names ...string) {
	s.wants(disk.Call{Op: disk.List, Name: name}, disk.Result{Names: names})
}

func (s *subject) rename(from, to string, want disk.Code) {
	s.ends(disk.Call{Op: disk.Rename, Name: from, To: to}, want)
}

func (s *subject) remove(name string, want disk.Code) {
	s.ends(disk.Call{Op: disk.Remove, Name: name}, want)
}
