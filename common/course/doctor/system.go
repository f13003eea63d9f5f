package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// This returns the machine that the program runs on.
func This() *System {
	return &System{
		Run: run, Free: free, Files: files, Listen: listen,
		Cores: runtime.GOMAXPROCS(0), Now: time.Now(),
	}
}

func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if said := bytes.TrimSpace(errs.Bytes()); err != nil && len(said) > 0 {
		err = fmt.Errorf("%s", said)
	}
	return string(out), err
}

func listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return l.Close()
}
