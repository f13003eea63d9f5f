package stage2

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// profile does in this process what the program blob does in its own, with a CPU profile
// of the load that is asked for, in a store beside the one that is measured.
func (p place) profile(t harness.Turn) (r *load.Report, err error) {
	p.store += "-profiled"
	defer func() { err = errors.Join(err, os.RemoveAll(p.store)) }()
	for _, name := range []string{first, second, verify} {
		file := ""
		if name == t.Load {
			file = t.Profile
		}
		if r, err = p.profileOne(name, file); err != nil || name == t.Load {
			return r, err
		}
	}
	return nil, fmt.Errorf("no load %q is about the tree", t.Load)
}

func (p place) profileOne(name, file string) (_ *load.Report, err error) {
	if err := errors.Join(p.tree.lay(versionOf(name)), syncDisk()); err != nil {
		return nil, err
	}
	end, err := load.StartProfile(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return p.measure(name, func() error { return p.embed(name) })
}

// embed opens the store, takes a snapshot or verifies, and closes it.
func (p place) embed(name string) (err error) {
	d, err := disk.OpenDir(p.store)
	if err != nil {
		return err
	}
	s, err := datadir.OpenStore(d, pack.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if name == verify {
		_, err = s.Blobs.Verify(context.Background(), pack.VerifyOptions{})
		return err
	}
	return snapshot(s, p.tree.dir)
}

// branch is where snapshots are.
const branch = "main"

// snapshot adds a snapshot of a directory to the branch.
func snapshot(s *datadir.Store, name string) error {
	began := time.Now()
	next := history.Snapshot{Time: began.UnixNano(), Author: "bench"}
	o := dir.ScanOptions{Workers: min(max(runtime.GOMAXPROCS(0), 2), dir.MaxWorkers)}
	refs, err := s.History().Branches()
	if err != nil {
		return err
	}
	for _, ref := range refs { // at most one
		previous, err := history.Load(s.Blobs, ref.ID)
		if err != nil {
			return err
		}
		next.Parents, o.Previous, o.Since = []blob.ID{ref.ID}, previous.Root, previous.Time
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	if next.Root, _, err = dir.Scan(context.Background(), root.FS(), s.Blobs, o); err != nil {
		return err
	}
	_, err = s.History().Commit(branch, next)
	return err
}
