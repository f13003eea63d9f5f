package disk

import (
	"errors"
	"os"
	"syscall"
)

// onFD calls fn with a file's descriptor, again as long as a signal interrupts it.
func onFD(raw syscall.RawConn, fn func(fd int) error) error {
	var err error
	if closed := raw.Control(func(fd uintptr) {
		for err = syscall.EINTR; err == syscall.EINTR; {
			err = fn(int(fd))
		}
	}); closed != nil {
		return closed
	}
	return err
}

// syncData is fdatasync, which writes the size too if it has changed, but no times.
func syncData(_ *os.File, raw syscall.RawConn) error { return onFD(raw, syscall.Fdatasync) }

// maxWritten is up to how many bytes zeros are written, and not only reserved. The first
// write to a block that is only reserved makes the next sync change what the file system
// knows of it, and a small sync then takes up to twice as long. A file that is made longer
// by more gets large writes, which that costs little: written zeros would cost them more.
const maxWritten = 16 << 20

// preallocate makes a file longer, from size to want bytes.
func preallocate(f *os.File, raw syscall.RawConn, size, want int64) error {
	err := onFD(raw, func(fd int) error { return syscall.Fallocate(fd, 0, 0, want) })
	if errors.Is(err, errors.ErrUnsupported) || err == nil && want-size <= maxWritten {
		return writeZeros(f, size, want)
	}
	return err
}

func syncDir(dir *os.File) error { return dir.Sync() }

func lockFile(raw syscall.RawConn) error {
	return onFD(raw, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
}
