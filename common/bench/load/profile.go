package load

import (
	"errors"
	"os"
	"runtime/pprof"
)

// StartProfile keeps a CPU profile of this process in a file, without a name nowhere,
// until the function that it returns is called.
func StartProfile(name string) (end func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
