package stage3

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// packages are the peers that npm fetches, with their versions and hashes, and the program
// that drives them.
//
//go:embed npm
var packages embed.FS

// fetchWithin bounds what npm may take.
const fetchWithin = 3 * time.Minute

// fetch has npm put the packages into the user's cache, if they are not there.
func fetch(ctx context.Context) error {
	dir, err := cached()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "fetching-") // so that what is named is whole
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := install(ctx, fresh); err != nil {
		return fmt.Errorf("npm packages: not fetched: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, fs.ErrExist) { // or another run was faster
		return err
	}
	return nil
}

// install makes a directory that holds the program and all that it imports.
func install(ctx context.Context, dir string) error {
	names, err := fs.Glob(packages, "npm/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := packages.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.WaitDelay = time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		why, _, _ := strings.Cut(string(out), "\n") // what follows is advice
		return fmt.Errorf("npm: %w: %s", err, why)
	}
	return nil
}

// cached returns where the packages of just these versions are, or will be.
func cached() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = fs.WalkDir(packages, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := packages.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
		return err
	})
	return filepath.Join(base, "dss-bench", fmt.Sprintf("stage3-%.8x", h.Sum(nil))), err
}

// driveNode measures meetings of a peer in a process of Node.js.
func driveNode(kind string) func(string, harness.Turn) (*load.Report, error) {
	return func(_ string, t harness.Turn) (*load.Report, error) {
		dir, err := cached()
		if err != nil {
			return nil, err
		}
		var out proc.Tail
		p, err := proc.Start(context.Background(), &out, "node", "--expose-gc", filepath.Join(dir, "peers.mjs"), kind,
			fmt.Sprint(writesOf(t)), fmt.Sprint(t.Warmup.Milliseconds()), fmt.Sprint(t.For.Milliseconds()))
		if err != nil {
			return nil, err
		}
		if err := p.Wait(); err != nil {
			return nil, err
		}
		r := &load.Report{}
		if err := json.Unmarshal([]byte(out.String()), r); err != nil {
			return nil, fmt.Errorf("%w: %w: %q", harness.ErrReport, err, out.String())
		}
		return r, nil
	}
}
