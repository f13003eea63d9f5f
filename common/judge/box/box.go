// Package box starts programs that are not trusted: a submission's, and compilers that
// read a submission.
//
// What it does depends on the system; [Layers] says what is active here. On Linux:
//
//   - limits on processor time, memory, size of files, and number of processes;
//   - a process group of its own, killed whole, and with it whatever left the group,
//     because orphans become children of the caller ([Adopt]);
//   - the program dies with the caller;
//   - namespaces without any privilege, rooted in the program's own folder: it sees no
//     file and no process but its own, and may neither trace the caller nor open what
//     the caller has open ([Seal]);
//   - a network with nothing but a loopback ([Enter]), shared with the caller.
//
// Elsewhere there is the process group alone, or nothing.
package box

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Limits bound each process. A zero field is no limit.
type Limits struct {
	CPU       time.Duration // processor time, rounded up to whole seconds; then it is killed
	Memory    uint64        // bytes of data
	File      uint64        // bytes of any file that it writes
	Processes uint64        // and threads; where the system counts them for each box
}

// Usage is what a process has used and is doing.
type Usage struct {
	CPU  time.Duration
	Idle bool // every thread of it sleeps: it waits for something outside
}

// Install puts a program into a root folder, where a process that is confined to root
// finds it, and returns its path as seen from there: "/bin/NAME".
func Install(root, program string) (string, error) {
	in := filepath.Join("/bin", filepath.Base(program))
	to := filepath.Join(root, in)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	if _, err := os.Lstat(to); err == nil {
		return in, nil
	}
	if os.Link(program, to) == nil {
		return in, nil
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	return in, os.WriteFile(to, b, 0o755)
}

// Environment is all that a boxed program is told: home is its folder for whatever it
// likes.
func Environment(home string) []string {
	return []string{
		"HOME=" + home, "TMPDIR=" + home, "PATH=/bin", "LANG=C.UTF-8", "TZ=UTC",
		"GOMEMLIMIT=1GiB", "GOTRACEBACK=single",
	}
}

// Kill kills a process that Start has started, with its group. It does not wait.
func Kill(cmd *exec.Cmd) {
	if cmd.Process != nil {
		kill(cmd)
	}
}

// Live starts a program as Start does, says so, and waits until it has ended and what
// it has left behind in its group is dead. It keeps a thread to itself: where a program
// dies with its caller, it dies with the thread that started it.
func Live(cmd *exec.Cmd, l Limits, started chan<- error) error {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	err := Start(cmd, l)
	started <- err
	if err != nil {
		return err
	}
	err = cmd.Wait()
	Kill(cmd)
	return err
}
