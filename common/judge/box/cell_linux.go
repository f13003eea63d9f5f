package box

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"
)

// cell is the variable of the environment that tells a program that it was started
// again by Enter.
const cell = "DSS_BOX_CELL"

// Enter makes the calling program start anew in a network that has nothing but a
// loopback, does not return then, and exits as the new one does. It returns in the new
// program, and where there is no such network to be had. It is to be called first.
func Enter() {
	if os.Getenv(cell) != "" {
		_ = raiseLoopback()
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), cell+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespacesOfCell, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	runtime.LockOSThread() // the new one dies with this thread
	defer runtime.UnlockOSThread()
	if cmd.Start() != nil {
		return
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	var ended *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &ended) && ended.ExitCode() > 0:
		os.Exit(ended.ExitCode())
	}
	os.Exit(1)
}

// raiseLoopback brings up the one interface of a new network.
func raiseLoopback() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "lo")
	request.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	return orNil(errno)
}

// isolated reports whether the loopback is the only interface.
func isolated() bool {
	all, err := net.Interfaces()
	return err == nil && os.Getenv(cell) != "" && len(all) == 1 && all[0].Flags&(net.FlagLoopback|net.FlagUp) == net.FlagLoopback|net.FlagUp
}
