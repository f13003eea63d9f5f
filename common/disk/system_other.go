//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package disk

import (
	"os"
	"syscall"
)

func syncData(f *os.File, _ syscall.RawConn) error { return f.Sync() }

func preallocate(f *os.File, _ syscall.RawConn, size, want int64) error {
	return writeZeros(f, size, want)
}

func syncDir(*os.File) error { return Unsupported }

func lockFile(syscall.RawConn) error { return Unsupported }
