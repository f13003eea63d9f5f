package disktest

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"

	"dss.example/common/disk"
)

func checkEmpty(d disk.Disk) error {
	s := &subject{disk: d}
	s.lists(".")
	s.ends(disk.Call{Op: disk.Open, Name: "a"}, disk.NotFound)
	return s.err
}

func checkWrite(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	s.holds(f, "")
	s.write(f, 0, "one two")
	s.holds(f, "one two")
	s.write(f, 4, "2 three")
	s.holds(f, "one 2 three")
	s.write(f, 11, "")
	s.write(f, 0, "")
	s.close(f)
	s.has("a", "one 2 three")
	return s.err
}

func checkOwner(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	mine := []byte("kept")
	s.wants(disk.Call{Op: disk.Write, File: f, Data: mine}, disk.Result{Size: 4})
	copy(mine, "lost")
	s.holds(f, "kept")
	got := d.Do(disk.Call{Op: disk.Read, File: f, Size: 4}).Data
	copy(got, "lost")
	s.holds(f, "kept")
	return s.err
}

func checkRead(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	s.reads(f, 0, 9, "")
	s.write(f, 0, "0123456789")
	s.reads(f, 0, 10, "0123456789")
	s.reads(f, 3, 4, "3456")
	s.reads(f, 8, 4, "89")
	s.reads(f, 3, 0, "")
	s.reads(f, 10, 1, "")
	s.reads(f, 11, 1, "")
	s.reads(f, 1<<40, disk.MaxData, "")
	s.reads(f, math.MaxInt64-disk.MaxData, 1, "")
	s.reads(f, 0, disk.MaxData, "0123456789")
	for _, c := range []disk.Call{{Offset: -1, Size: 1}, {Size: -1}, {Size: disk.MaxData + 1}, {Offset: math.MaxInt64, Size: 1}} {
		c.Op, c.File = disk.Read, f
		s.ends(c, disk.BadCall)
	}
	return s.err
}

func checkHole(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	for _, offset := range []int64{1, 512, math.MaxInt64, -1, math.MinInt64} {
		s.ends(disk.Call{Op: disk.Write, File: f, Offset: offset, Data: []byte("x")}, disk.BadCall)
	}
	s.write(f, 0, "abc")
	s.ends(disk.Call{Op: disk.Write, File: f, Offset: 4, Data: []byte("x")}, disk.BadCall)
	s.ends(disk.Call{Op: disk.Write, File: f, Offset: 4}, disk.BadCall)
	s.write(f, 3, "d")
	s.holds(f, "abcd")
	return s.err
}

func checkMaxData(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	most := strings.Repeat("0123456789abcde\n", disk.MaxData/16)
	s.write(f, 0, most)
	s.reads(f, 0, disk.MaxData, most)
	s.ends(disk.Call{Op: disk.Write, File: f, Data: make([]byte, disk.MaxData+1)}, disk.BadCall)
	s.wants(disk.Call{Op: disk.Stat, File: f}, disk.Result{Size: disk.MaxData})
	return s.err
}

func checkTruncate(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	s.write(f, 0, "0123456789")
	cut := func(size int64, want disk.Code) {
		s.ends(disk.Call{Op: disk.Truncate, File: f, Size: size}, want)
	}
	cut(11, disk.BadCall)
	cut(-1, disk.BadCall)
	cut(10, disk.OK)
	s.holds(f, "0123456789")
	cut(4, disk.OK)
	s.holds(f, "0123")
	cut(5, disk.BadCall)
	s.ends(disk.Call{Op: disk.Preallocate, File: f, Size: 6}, disk.OK)
	s.holds(f, "0123\x00\x00") // what was cut does not come back
	cut(0, disk.OK)
	s.holds(f, "")
	return s.err
}

func checkPreallocate(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	long := func(size int64, want disk.Code) {
		s.ends(disk.Call{Op: disk.Preallocate, File: f, Size: size}, want)
	}
	long(0, disk.OK)
	s.write(f, 0, "abc")
	long(3, disk.OK)
	long(2, disk.OK)
	s.holds(f, "abc")
	long(-1, disk.BadCall)
	long(5000, disk.OK)
	s.holds(f, "abc"+strings.Repeat("\x00", 4997))
	s.write(f, 4000, "d")
	long(5000, disk.OK)
	s.reads(f, 3999, 3, "\x00d\x00")
	long(math.MaxInt64, disk.NoSpace)
	s.wants(disk.Call{Op: disk.Stat, File: f}, disk.Result{Size: 5000})
	return s.err
}

func checkHandles(d disk.Disk) error {
	s := &subject{disk: d}
	s.put("a", "text")
	seen := map[disk.Handle]bool{}
	for range 3 {
		f := s.open(disk.Open, "a")
		if s.err == nil && seen[f] {
			return fmt.Errorf("handle %d was given twice", f)
		}
		seen[f] = true
		s.holds(f, "text")
		s.close(f)
		for _, op := range []disk.Op{disk.Read, disk.Write, disk.Truncate, disk.Preallocate, disk.Sync, disk.Stat, disk.Close} {
			s.ends(disk.Call{Op: op, File: f}, disk.BadHandle)
			s.ends(disk.Call{Op: op}, disk.BadHandle)
		}
	}
	return s.err
}

func checkTwoHandles(d disk.Disk) error {
	s := &subject{disk: d}
	one := s.open(disk.Create, "a")
	two := s.open(disk.Open, "a")
	s.write(one, 0, "abcdef")
	s.holds(two, "abcdef")
	s.ends(disk.Call{Op: disk.Truncate, File: two, Size: 3}, disk.OK)
	s.holds(one, "abc")
	s.ends(disk.Call{Op: disk.Write, File: one, Offset: 6, Data: []byte("x")}, disk.BadCall)
	s.close(one)
	s.write(two, 3, "d")
	s.holds(two, "abcd")
	return s.err
}

func checkConcurrent(d disk.Disk) error {
	const writers, rounds = 8, 20
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			s := &subject{disk: d}
			name := fmt.Sprint("file", w)
			f := s.open(disk.Create, name)
			var all bytes.Buffer
			for r := range rounds {
				text := fmt.Sprint(w, " wrote ", r, "\n")
				s.write(f, int64(all.Len()), text)
				all.WriteString(text)
				s.ends(disk.Call{Op: disk.Sync, File: f}, disk.OK)
				s.holds(f, all.String())
			}
			s.rename(name, fmt.Sprint("done", w), disk.OK)
			s.close(f)
			s.has(fmt.Sprint("done", w), all.String())
			errs[w] = s.err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
