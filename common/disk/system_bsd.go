//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package disk

import (
	"os"
	"syscall"
)

func syncData(f *os.File, _ syscall.RawConn) error { return f.Sync() }

func preallocate(f *os.File, _ syscall.RawConn, size, want int64) error {
	return writeZeros(f, size, want)
}

func syncDir(dir *os.File) error { return dir.Sync() }

func lockFile(raw syscall.RawConn) error {
	var err error
	if closed := raw.Control(func(fd uintptr) {
		err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
	}); closed != nil {
		return closed
	}
	return err
}
