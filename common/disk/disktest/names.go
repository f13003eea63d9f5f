package disktest

import (
	"strings"

	"dss.example/common/disk"
)

func checkCreate(d disk.Disk) error {
	s := &subject{disk: d}
	s.put("a", "text")
	s.ends(disk.Call{Op: disk.Create, Name: "a"}, disk.Exists)
	s.makeDir("d")
	s.ends(disk.Call{Op: disk.Create, Name: "d"}, disk.Exists)
	s.ends(disk.Call{Op: disk.MakeDir, Name: "d"}, disk.Exists)
	s.ends(disk.Call{Op: disk.MakeDir, Name: "a"}, disk.Exists)
	s.ends(disk.Call{Op: disk.Create, Name: "none/a"}, disk.NotFound)
	s.ends(disk.Call{Op: disk.MakeDir, Name: "none/d"}, disk.NotFound)
	s.put("d/a", "other")
	s.has("a", "text")
	s.has("d/a", "other")
	return s.err
}

func checkOpen(d disk.Disk) error {
	s := &subject{disk: d}
	s.makeDir("d")
	s.ends(disk.Call{Op: disk.Open, Name: "d"}, disk.WrongKind)
	s.ends(disk.Call{Op: disk.Open, Name: "d/a"}, disk.NotFound)
	s.ends(disk.Call{Op: disk.Open, Name: "none/a"}, disk.NotFound)
	s.put("d/a", "text")
	s.has("d/a", "text")
	return s.err
}

func checkLock(d disk.Disk) error {
	s := &subject{disk: d}
	held := s.open(disk.Lock, "lock")
	s.ends(disk.Call{Op: disk.Lock, Name: "lock"}, disk.Locked)
	s.write(held, 0, "mine")
	s.has("lock", "mine") // only a second Lock is kept out
	s.ends(disk.Call{Op: disk.Lock, Name: "lock"}, disk.Locked)
	other := s.open(disk.Lock, "other")
	s.close(held)
	again := s.open(disk.Lock, "lock")
	s.holds(again, "mine")
	s.ends(disk.Call{Op: disk.Lock, Name: "other"}, disk.Locked)
	s.close(other)
	s.makeDir("d")
	s.ends(disk.Call{Op: disk.Lock, Name: "d"}, disk.WrongKind)
	s.ends(disk.Call{Op: disk.Lock, Name: "none/lock"}, disk.NotFound)
	return s.err
}

func checkRemove(d disk.Disk) error {
	s := &subject{disk: d}
	s.remove("a", disk.NotFound)
	s.put("a", "old")
	f := s.open(disk.Open, "a")
	s.remove("a", disk.OK)
	s.remove("a", disk.NotFound)
	s.ends(disk.Call{Op: disk.Open, Name: "a"}, disk.NotFound)
	s.put("a", "new")
	s.holds(f, "old")
	s.write(f, 3, "er")
	s.holds(f, "older")
	s.close(f)
	s.has("a", "new")
	s.lists(".", "a")
	return s.err
}

func checkRemoveDir(d disk.Disk) error {
	s := &subject{disk: d}
	s.makeDir("d")
	s.put("d/a", "")
	s.remove("d", disk.Exists)
	s.remove("none/a", disk.NotFound)
	s.remove("d/a", disk.OK)
	s.remove("d", disk.OK)
	s.ends(disk.Call{Op: disk.List, Name: "d"}, disk.NotFound)
	s.ends(disk.Call{Op: disk.Create, Name: "d/a"}, disk.NotFound)
	return s.err
}

func checkRename(d disk.Disk) error {
	s := &subject{disk: d}
	s.put("a", "new")
	s.rename("a", "b", disk.OK)
	s.has("b", "new")
	s.put("a", "newer")
	old, young := s.open(disk.Open, "b"), s.open(disk.Open, "a")
	s.rename("a", "b", disk.OK)
	s.has("b", "newer")
	s.lists(".", "b")
	s.holds(old, "new")
	s.write(young, 5, "!")
	s.has("b", "newer!")
	s.close(old)
	s.close(young)
	s.makeDir("d")
	s.rename("b", "d/c", disk.OK)
	s.lists(".", "d/")
	s.has("d/c", "newer!")
	return s.err
}

func checkRenameDir(d disk.Disk) error {
	s := &subject{disk: d}
	s.makeDir("d")
	s.makeDir("d/e")
	s.put("d/e/a", "text")
	s.makeDir("x")
	s.rename("d", "x/y", disk.OK)
	s.has("x/y/e/a", "text")
	s.lists(".", "x/")
	s.rename("x/y/e", "f", disk.OK)
	s.has("f/a", "text")
	s.lists("x/y")
	return s.err
}

func checkRenameRefused(d disk.Disk) error {
	s := &subject{disk: d}
	s.put("a", "text")
	s.makeDir("d")
	s.makeDir("e")
	s.rename("none", "b", disk.NotFound)
	s.rename("none", "a", disk.NotFound)
	s.rename("a", "none/b", disk.NotFound)
	s.rename("none/b", "c", disk.NotFound)
	s.rename("a", "d", disk.Exists)
	s.rename("d", "e", disk.Exists) // though it is empty
	s.rename("d", "a", disk.WrongKind)
	s.rename("d", "a/b", disk.NotFound)
	s.rename("d", "d/e", disk.BadCall)
	s.rename("a", "a", disk.BadCall)
	s.rename("d", "d", disk.BadCall)
	s.rename("d", "dd", disk.OK)
	s.lists(".", "a", "dd/", "e/")
	s.has("a", "text")
	return s.err
}

func checkList(d disk.Disk) error {
	s := &subject{disk: d}
	for _, name := range []string{"b", "a-", "é", "B", strings.Repeat("n", disk.MaxName)} {
		s.put(name, "")
	}
	s.makeDir("a")
	s.put("a/in", "")
	s.lists(".", "B", "a-", "a/", "b", strings.Repeat("n", disk.MaxName), "é")
	s.lists("a", "in")
	s.ends(disk.Call{Op: disk.List, Name: "b"}, disk.WrongKind)
	s.ends(disk.Call{Op: disk.List, Name: "none"}, disk.NotFound)
	s.remove("a/in", disk.OK)
	s.lists("a")
	return s.err
}

func checkSync(d disk.Disk) error {
	s := &subject{disk: d}
	s.makeDir("d")
	f := s.open(disk.Create, "d/a")
	s.write(f, 0, "text")
	s.ends(disk.Call{Op: disk.Sync, File: f}, disk.OK)
	s.ends(disk.Call{Op: disk.Sync, File: f}, disk.OK)
	for _, dir := range []string{"d", ".", "d"} {
		s.ends(disk.Call{Op: disk.SyncDir, Name: dir}, disk.OK)
	}
	s.ends(disk.Call{Op: disk.SyncDir, Name: "d/a"}, disk.WrongKind)
	s.ends(disk.Call{Op: disk.SyncDir, Name: "d/none"}, disk.NotFound)
	s.remove("d/a", disk.OK)
	s.ends(disk.Call{Op: disk.Sync, File: f}, disk.OK)
	s.holds(f, "text")
	return s.err
}

func checkThroughFile(d disk.Disk) error {
	s := &subject{disk: d}
	s.put("a", "")
	s.put("b", "")
	for _, op := range []disk.Op{disk.Open, disk.Create, disk.Lock, disk.Remove, disk.MakeDir, disk.List, disk.SyncDir} {
		s.ends(disk.Call{Op: op, Name: "a/x"}, disk.NotFound)
		s.ends(disk.Call{Op: op, Name: "a/x/y"}, disk.NotFound)
	}
	s.rename("a/x", "c", disk.NotFound)
	s.rename("b", "a/x", disk.NotFound)
	return s.err
}

func checkRoot(d disk.Disk) error {
	s := &subject{disk: d}
	for _, op := range []disk.Op{disk.Create, disk.MakeDir} {
		s.ends(disk.Call{Op: op, Name: "."}, disk.Exists)
	}
	for _, op := range []disk.Op{disk.Open, disk.Lock} {
		s.ends(disk.Call{Op: op, Name: "."}, disk.WrongKind)
	}
	s.remove(".", disk.BadName)
	s.makeDir("d")
	s.rename(".", "d/root", disk.BadName)
	s.rename("d", ".", disk.BadName)
	s.ends(disk.Call{Op: disk.SyncDir, Name: "."}, disk.OK)
	s.lists(".", "d/")
	return s.err
}

func checkNames(d disk.Disk) error {
	s := &subject{disk: d}
	s.makeDir("d")
	for _, name := range []string{
		"", "/", "/a", "a/", "a//b", "..", "../a", "d/..", "d/../a", "./a", "d/.", "d/./a",
		"a\x00", "a\\b", "..\\a", "a\nb", "c:", "c:/a", "a.", "a ", "d /a", "nul", "d/COM1.txt", "a\xff",
		strings.Repeat("n", disk.MaxName+1), strings.Repeat("d/", disk.MaxPath/2) + "a",
	} {
		for _, op := range []disk.Op{disk.Open, disk.Create, disk.Lock, disk.Remove, disk.MakeDir, disk.List, disk.SyncDir} {
			s.ends(disk.Call{Op: op, Name: name}, disk.BadName)
		}
		s.rename("d", name, disk.BadName)
		s.rename(name, "e", disk.BadName)
	}
	s.lists(".", "d/")
	s.lists("d")
	return s.err
}

func checkNoOp(d disk.Disk) error {
	s := &subject{disk: d}
	f := s.open(disk.Create, "a")
	for _, op := range []disk.Op{0, disk.SyncDir + 1, 255} {
		s.ends(disk.Call{Op: op, File: f, Name: "a"}, disk.BadCall)
	}
	return s.err
}
