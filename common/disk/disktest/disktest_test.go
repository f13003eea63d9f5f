package disktest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/disktest"
)

func TestMemoryKeepsEveryPromise(t *testing.T) {
	disktest.Run(t, func(*testing.T) disk.Disk { return disk.NewMemory() })
}

func TestDirKeepsEveryPromise(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disk.Disk {
		d, err := disk.OpenDir(t.TempDir() + "/made/by/open")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		return d
	})
}

// wrong is a Memory that breaks one promise.
type wrong struct {
	*disk.Memory
	do func(m *disk.Memory, c disk.Call) disk.Result
}

func (w wrong) Do(c disk.Call) disk.Result { return w.do(w.Memory, c) }

// says makes a disk that answers some calls with another code, and does nothing.
func says(op disk.Op, when, instead disk.Code) func(*disk.Memory, disk.Call) disk.Result {
	return func(m *disk.Memory, c disk.Call) disk.Result {
		r := m.Do(c)
		if c.Op == op && r.Code == when {
			return disk.Result{Code: instead}
		}
		return r
	}
}

// before changes calls on their way in.
func before(op disk.Op, change func(c *disk.Call)) func(*disk.Memory, disk.Call) disk.Result {
	return func(m *disk.Memory, c disk.Call) disk.Result {
		if c.Op == op {
			change(&c)
		}
		return m.Do(c)
	}
}

// behind changes results on their way out.
func behind(op disk.Op, change func(r *disk.Result)) func(*disk.Memory, disk.Call) disk.Result {
	return func(m *disk.Memory, c disk.Call) disk.Result {
		r := m.Do(c)
		if c.Op == op && r.Code == disk.OK {
			change(&r)
		}
		return r
	}
}

func cuts(m *disk.Memory, c disk.Call) disk.Result {
	if c.Op == disk.Truncate {
		m.Do(disk.Call{Op: disk.Preallocate, File: c.File, Size: min(c.Size, 1<<20)})
	}
	return m.Do(c)
}

func holes(m *disk.Memory, c disk.Call) disk.Result {
	if c.Op == disk.Write && c.Offset > 0 && c.Offset < 1<<20 {
		m.Do(disk.Call{Op: disk.Preallocate, File: c.File, Size: c.Offset})
	}
	return m.Do(c)
}

// replacesDirs removes an empty directory that is in the way of a rename.
func replacesDirs(m *disk.Memory, c disk.Call) disk.Result {
	r := m.Do(c)
	if c.Op == disk.Rename && r.Code == disk.Exists {
		m.Do(disk.Call{Op: disk.Remove, Name: c.To})
		return m.Do(c)
	}
	return r
}

// removesOpen empties a file that is removed, whoever has it open.
func removesOpen(m *disk.Memory, c disk.Call) disk.Result {
	if c.Op == disk.Remove {
		if f := m.Do(disk.Call{Op: disk.Open, Name: c.Name}).File; f != 0 {
			m.Do(disk.Call{Op: disk.Truncate, File: f})
		}
	}
	return m.Do(c)
}

func cleansNames(m *disk.Memory, c disk.Call) disk.Result {
	c.Name = strings.TrimPrefix(c.Name, "./")
	return m.Do(c)
}

// Each of these disks is wrong in one way. The suite must say so, and in the check that
// names the promise.
func TestSuiteFailsEveryWrongDisk(t *testing.T) {
	for _, w := range []struct {
		name, check string
		do          func(m *disk.Memory, c disk.Call) disk.Result
	}{
		{"says OK to all", "an empty disk has nothing in it", says(disk.Open, disk.NotFound, disk.OK)},
		{"writes nothing", "what is written is read", before(disk.Write, func(c *disk.Call) { clear(c.Data) })},
		{"writes over the caller's bytes", "bytes belong to the caller, before and after", before(disk.Write, func(c *disk.Call) { clear(c.Data) })},
		{"reads short", "a read is short only at the end of the file", before(disk.Read, func(c *disk.Call) { c.Size /= 2 })},
		{"reads beyond the end are errors", "a read is short only at the end of the file", behind(disk.Read, func(r *disk.Result) {
			if r.Data == nil {
				*r = disk.Result{Code: disk.BadCall}
			}
		})},
		{"takes holes", "a write begins at the end of the file at the latest", holes},
		{"limits data to 1 MiB", "MaxData bytes go at once, and no more", before(disk.Write, func(c *disk.Call) { c.Data = c.Data[:min(len(c.Data), 1<<20)] })},
		{"lengthens by Truncate", "Truncate only cuts", cuts},
		{"shortens by Preallocate", "Preallocate adds zeros", func(m *disk.Memory, c disk.Call) disk.Result {
			if c.Op == disk.Preallocate {
				m.Do(disk.Call{Op: disk.Truncate, File: c.File, Size: c.Size})
			}
			return m.Do(c)
		}},
		{"reads what is closed", "a handle is given once and ends with Close", says(disk.Stat, disk.BadHandle, disk.OK)},
		{"truncates nothing", "two handles of a file see each other's writes", func(m *disk.Memory, c disk.Call) disk.Result {
			if c.Op == disk.Truncate {
				return disk.Result{}
			}
			return m.Do(c)
		}},
		{"opens by Create", "Create makes what is not there", func(m *disk.Memory, c disk.Call) disk.Result {
			if r := m.Do(c); c.Op != disk.Create || r.Code != disk.Exists {
				return r
			}
			return m.Do(disk.Call{Op: disk.Open, Name: c.Name})
		}},
		{"takes a directory for nothing", "Open opens files only", says(disk.Open, disk.WrongKind, disk.NotFound)},
		{"locks twice", "a lock keeps out others until Close", func(m *disk.Memory, c disk.Call) disk.Result {
			if r := m.Do(c); c.Op != disk.Lock || r.Code != disk.Locked {
				return r
			}
			return m.Do(disk.Call{Op: disk.Open, Name: c.Name})
		}},
		{"removes who has it open", "Remove takes a name and spares who has the file open", removesOpen},
		{"tells a full directory from a taken name", "a directory is removed when it is empty", says(disk.Remove, disk.Exists, disk.WrongKind)},
		{"does not replace", "Rename replaces a file in one step", func(m *disk.Memory, c disk.Call) disk.Result {
			if c.Op == disk.Rename && m.Do(disk.Call{Op: disk.Open, Name: c.To}).Code == disk.OK {
				return disk.Result{Code: disk.Exists}
			}
			return m.Do(c)
		}},
		{"renames no directory", "Rename moves a directory with all that is in it", func(m *disk.Memory, c disk.Call) disk.Result {
			if c.Op == disk.Rename && m.Do(disk.Call{Op: disk.List, Name: c.Name}).Code == disk.OK {
				return disk.Result{Code: disk.WrongKind}
			}
			return m.Do(c)
		}},
		{"replaces an empty directory", "Rename refuses what it cannot do in one step", replacesDirs},
		{"lists in no order", "List tells names in order, and directories from files", behind(disk.List, func(r *disk.Result) { slices.Reverse(r.Names) })},
		{"lists directories as files", "List tells names in order, and directories from files", behind(disk.List, func(r *disk.Result) {
			for i := range r.Names {
				r.Names[i] = strings.TrimSuffix(r.Names[i], "/")
			}
		})},
		{"syncs files as directories", "Sync and SyncDir are for files and for directories", says(disk.SyncDir, disk.WrongKind, disk.OK)},
		{"tells a file on the way", "a path through a file leads nowhere", says(disk.Open, disk.NotFound, disk.WrongKind)},
		{"makes the root", "the root is there, and stays", says(disk.MakeDir, disk.Exists, disk.OK)},
		{"cleans names", "names that break the rules are bad in every call", cleansNames},
		{"finds nothing under a bad name", "names that break the rules are bad in every call", says(disk.List, disk.BadName, disk.NotFound)},
		{"takes what it does not know", "an operation that does not exist is refused", says(0, disk.BadCall, disk.OK)},
	} {
		t.Run(w.name, func(t *testing.T) {
			checks := disktest.Checks()
			i := slices.IndexFunc(checks, func(c disktest.Check) bool { return c.Name == w.check })
			require.GreaterOrEqual(t, i, 0, "no check %q", w.check)
			require.Error(t, checks[i].Run(wrong{disk.NewMemory(), w.do}))
		})
	}
}
