package box

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Numbers of the kernel's interface that package syscall does not name.
const (
	rlimitProcesses  = 6
	prSetDumpable    = 4
	prSetSubreaper   = 36
	noCore           = 0
	ticksPerSecond   = 100 // USER_HZ, the same on every Linux
	inside           = 1000
	namespacesOfOne  = syscall.CLONE_NEWUSER | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID
	namespacesOfCell = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
)

// Start starts a program in a process group of its own, under limits.
func Start(cmd *exec.Cmd, l Limits) error {
	attr(cmd)
	return start(cmd, l)
}

// Confine is Start for a program that must see no file outside of root. cmd.Path and
// cmd.Dir are paths in there. Where that cannot be had it starts as Start does, with
// both paths below root.
func Confine(cmd *exec.Cmd, root string, l Limits) error {
	if !confines() {
		cmd.Path, cmd.Dir = filepath.Join(root, cmd.Path), filepath.Join(root, cmd.Dir)
		cmd.Env = Environment(cmd.Dir)
		return Start(cmd, l)
	}
	attr(cmd)
	confined(cmd.SysProcAttr, root)
	return start(cmd, l)
}

func attr(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func confined(a *syscall.SysProcAttr, root string) {
	a.Cloneflags, a.Chroot = namespacesOfOne, root
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getgid(), Size: 1}}
}

// confines reports whether this system lets a process without privilege have a user
// namespace and a root folder of its own. It tries, with a program that is not there.
func confines() bool {
	root, err := os.MkdirTemp("", "box")
	if err != nil {
		return false
	}
	defer os.RemoveAll(root)
	cmd := &exec.Cmd{Path: "/none", Args: []string{"none"}, Dir: "/"}
	attr(cmd)
	confined(cmd.SysProcAttr, root)
	err = cmd.Start()
	if err == nil {
		Kill(cmd)
		_ = cmd.Wait()
	}
	return errors.Is(err, syscall.ENOENT) // it came as far as looking for the program
}

// start starts cmd and limits it. Between the two are microseconds, and a Go program
// needs a hundred times that before it runs any code of its author's.
func start(cmd *exec.Cmd, l Limits) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	for _, limit := range []struct {
		resource int
		value    uint64
	}{
		{syscall.RLIMIT_CPU, seconds},
		{syscall.RLIMIT_DATA, l.Memory},
		{syscall.RLIMIT_FSIZE, l.File},
		{rlimitProcesses, l.Processes},
	} {
		if limit.value == 0 {
			continue
		}
		if err := prlimit(cmd.Process.Pid, limit.resource, limit.value); err != nil {
			Kill(cmd)
			_ = cmd.Wait()
			return fmt.Errorf("limit %d: %w", limit.resource, err)
		}
	}
	_ = prlimit(cmd.Process.Pid, syscall.RLIMIT_CORE, noCore)
	return nil
}

func prlimit(pid, resource int, value uint64) error {
	limit := syscall.Rlimit{Cur: value, Max: value}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), uintptr(resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno == syscall.ESRCH { // it has ended already
		return nil
	}
	return orNil(errno)
}

func orNil(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Seal keeps processes of the same user from tracing the caller and from opening its
// files by way of /proc, and keeps what it starts from what it was itself given open:
// files that its own parent forgot to close.
func Seal() error {
	open, err := os.ReadDir("/proc/self/fd")
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return errors.Join(err, prctl(prSetDumpable, 0))
}

// Adopt makes orphans below the caller its children, so that Sweep finds them.
func Adopt() error { return prctl(prSetSubreaper, 1) }

func prctl(option, value uintptr) error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, option, value, 0)
	return orNil(errno)
}

// Sweep kills every child of the caller but those in keep, and theirs in turn, and
// returns how many there were. It must not be called while others start processes.
func Sweep(keep ...int) (killed int) {
	const rounds = 1000 // of a child that starts children as fast as they are killed
	for range rounds {
		found := slices.DeleteFunc(children(os.Getpid()), func(pid int) bool { return slices.Contains(keep, pid) })
		if len(found) == 0 {
			break
		}
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(pid, &status, 0, nil)
			killed++
		}
	}
	return killed
}

// children lists the processes whose parent is pid.
func children(pid int) (list []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := stat(filepath.Join("/proc", e.Name(), "stat")); len(f) > 1 && f[1] == strconv.Itoa(pid) {
			list = append(list, child)
		}
	}
	return list
}

// stat returns the fields of a stat file from the state on: what stands before may
// hold blanks of the program's choice.
func stat(file string) []string {
	b, _ := os.ReadFile(file)
	text := string(b)
	if i := strings.LastIndexByte(text, ')'); i >= 0 {
		return strings.Fields(text[i+1:])
	}
	return nil
}

// Look tells what a process has used and is doing; false if it is gone.
func Look(pid int) (u Usage, ok bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	f := stat(filepath.Join(dir, "stat"))
	if len(f) < 13 {
		return u, false
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	u.CPU = time.Duration(user+system) * time.Second / ticksPerSecond
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	u.Idle = err == nil
	for _, task := range tasks {
		f := stat(filepath.Join(dir, "task", task.Name(), "stat"))
		u.Idle = u.Idle && len(f) > 0 && f[0] == "S"
	}
	return u, true
}

// Looks reports whether Look works here.
func Looks() bool {
	_, ok := Look(os.Getpid())
	return ok
}

// Layers lists what surrounds a boxed program here.
func Layers() []string {
	all := []string{"process group", "dies with the judge", "limits of CPU, memory and files"}
	if Looks() {
		all = append(all, "orphans are found")
	}
	if confines() {
		all = append(all, "user namespace without privilege", "no processes but its own", "no files but its own")
	}
	if isolated() {
		all = append(all, "no network but a loopback")
	}
	return all
}
