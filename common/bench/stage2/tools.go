package stage2

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// tool is a program that takes snapshots. What it lacks it does not take part in.
type tool struct {
	kind    string
	prepare []string // makes the store, unmeasured; nil if nothing has to be made
	first   [][]string
	second  [][]string // nil: as the first
	verify  [][]string
}

// The commands of tools have these words for what differs from run to run.
const (
	theStore = "STORE"
	theTree  = "TREE"
	theCache = "CACHE" // a directory for what is neither
	theBin   = "BIN/"  // what the harness has built
)

// tools are all programs that the tree is given to, ours first.
func tools() []tool {
	restic := func(words ...string) []string {
		return append([]string{"env", "RESTIC_PASSWORD=x", "restic", "-q", "-r", theStore, "--cache-dir", theCache}, words...)
	}
	borg := func(words ...string) []string {
		return append([]string{"env", "BORG_BASE_DIR=" + theCache, "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", "borg"}, words...)
	}
	git := func(words ...string) []string {
		return append([]string{
			"env", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "git", "--git-dir=" + theStore, "--work-tree=" + theTree,
			"-c", "core.compression=0", "-c", "core.fsync=all", "-c", "core.fsyncMethod=batch", "-c", "gc.auto=0",
			"-c", "user.name=bench", "-c", "user.email=bench@example.org",
		}, words...)
	}
	sync, blob := []string{"sync"}, []string{theBin + "blob", "-store", theStore, "snapshot", "-branch", branch, theTree}
	return []tool{
		{kind: "blob", first: [][]string{blob}, verify: [][]string{{theBin + "blob", "-store", theStore, "verify"}}},
		{
			kind: "restic", prepare: restic("init"),
			first: [][]string{restic("--compression", "off", "backup", theTree)}, verify: [][]string{restic("check", "--read-data")},
		},
		{
			kind: "borg", prepare: borg("init", "-e", "none", theStore),
			first:  [][]string{borg("create", "--compression", "none", theStore+"::first", theTree)},
			second: [][]string{borg("create", "--compression", "none", theStore+"::second", theTree)},
			verify: [][]string{borg("check", "--verify-data", theStore)},
		},
		{
			kind: "git", prepare: git("init", "-q"),
			first: [][]string{git("add", "-A", theTree), git("commit", "-q", "-m", "snapshot")}, verify: [][]string{git("fsck", "--full")},
		},
		{kind: "rsync", first: [][]string{{"rsync", "-a", theTree + "/", theStore + "/"}, sync}},
		{kind: "cp", first: [][]string{{"cp", "-a", theTree, theStore}, sync}},
	}
}

// place is where a tool works. All tools share the tree.
type place struct {
	bin, store, cache string
	tree              tree
}

// placeOf lies in a directory that the harness gives to a system: beside those of the
// others, and in the directory of the programs that it has built.
func placeOf(dir string, scale float64) place {
	up := filepath.Dir(dir)
	return place{up, filepath.Join(dir, "store"), filepath.Join(dir, "cache"), tree{filepath.Join(up, "tree"), scale}}
}

// drive measures one snapshot, or one verification, by the time that its commands take.
func (x tool) drive(dir string, t harness.Turn) (*load.Report, error) {
	p := placeOf(dir, t.Scale)
	if t.Profile != "" {
		return p.profile(t)
	}
	if err := x.begin(p, t.Load); err != nil {
		return nil, err
	}
	return p.measure(t.Load, func() error {
		for _, words := range x.commands(t.Load) {
			if err := p.run(words); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x tool) commands(name string) [][]string {
	switch {
	case name == verify:
		return x.verify
	case name == second && x.second != nil:
		return x.second
	}
	return x.first
}

// begin makes all that is not measured: the tree, and for a first snapshot the store.
func (x tool) begin(p place, name string) error {
	if name == first {
		if err := errors.Join(os.RemoveAll(p.store), os.RemoveAll(p.cache), os.MkdirAll(p.cache, 0o700)); err != nil {
			return err
		}
		if x.prepare != nil {
			if err := p.run(x.prepare); err != nil {
				return err
			}
		}
	}
	return errors.Join(p.tree.lay(versionOf(name)), syncDisk())
}

// versionOf is the version of the tree that a load is about.
func versionOf(name string) int {
	if name == first {
		return 0
	}
	return 1
}

// measure returns what an operation took: as one operation, and its rate in MiB of the
// tree.
func (p place) measure(name string, op func() error) (*load.Report, error) {
	used, began := childCPU(), time.Now()
	if err := op(); err != nil {
		return nil, err
	}
	took := time.Since(began)
	used = childCPU() - used
	space, err := spaceOf(p.store, p.tree.kept(versionOf(name)))
	us := took.Seconds() * 1e6
	return &load.Report{
		Ops: 1, Rate: float64(p.tree.bytes()) / (1 << 20) / took.Seconds(), P50: us, P99: us, Max: us,
		ClientCPU: used.Seconds() * 1e6, Began: began.UnixNano(), Ended: began.Add(took).UnixNano(), Space: space,
	}, err
}

// run runs a command to its end. It does not outlive this process.
func (p place) run(words []string) error {
	words = p.fill(words)
	started, err := proc.Start(context.Background(), io.Discard, words[0], words[1:]...)
	if err != nil {
		return err
	}
	return started.Wait()
}

// fill puts the names of this place where a command has words for them.
func (p place) fill(words []string) []string {
	names := strings.NewReplacer(theStore, p.store, theTree, p.tree.dir, theCache, p.cache, theBin, p.bin+string(filepath.Separator))
	filled := make([]string, len(words))
	for i, word := range words {
		filled[i] = names.Replace(word)
	}
	return filled
}
