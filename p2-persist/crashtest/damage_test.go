package crashtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/head"
)

// smallStore returns a disk with something of everything, in files of a few KiB together,
// and what is on it.
func smallStore(t *testing.T) (*disk.Memory, state) {
	t.Helper()
	m := disk.NewMemory()
	s := story{ops: []op{
		put(1, 2), edit("main", pairs(10, "value")), commit("main", "1"), note("one"), note("two"),
		edit("main", contents{"key 03": "new"}), commit("main", "2"), note("three"), edit("spare", pairs(2, "value")), put(3),
	}}
	require.NoError(t, tell(m, s.ops, func(int) {}))
	return m, s.after(len(s.ops))
}

// files returns the names of all files below a directory.
func files(t *testing.T, fs disk.FS, dir string) (all []string) {
	t.Helper()
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		path := strings.TrimPrefix(dir+"/"+name, "./")
		if below, isDir := strings.CutSuffix(path, "/"); isDir {
			all = append(all, files(t, fs, below)...)
		} else {
			all = append(all, path)
		}
	}
	return all
}

// outcomes counts what became of damaged stores.
type outcomes struct{ refused, reported, sound int }

func (o *outcomes) judge(t *testing.T, m *disk.Memory, want state, what string) {
	t.Helper()
	p, report, err := open(m)
	if err != nil {
		o.refused++
		return
	}
	v := &visitor{p: p, want: want}
	v.blobs()
	v.heads()
	v.log()
	stats := p.Blobs.Stats()
	v.reported += stats.Damaged + int(stats.Lost) + int(stats.Recovered) + int(report.Lost) + int(report.Torn)
	require.NoError(t, errors.Join(v.wrong...), what)
	switch {
	case v.reported > 0:
		o.reported++
	default:
		require.Zero(t, v.absent, "%s: something is absent, and nobody says why", what)
		o.sound++
	}
	require.NoError(t, p.close())
}

// visitor reads all of a damaged place that it can.
type visitor struct {
	p        *place
	want     state
	wrong    []error // what was served for something else
	reported int
	absent   int
}

// serve takes what was read, or why it was not.
func (v *visitor) serve(what, got, want string, err error) {
	switch {
	case errors.Is(err, blob.ErrNotFound) || errors.Is(err, head.ErrNotFound):
		v.absent++
	case err != nil:
		v.reported++
	case got != want:
		v.wrong = append(v.wrong, fmt.Errorf("%w: %s reads %q, want %q", errWrong, what, got, want))
	}
}

func (v *visitor) blobs() {
	for n := range v.want.blobs {
		b, err := v.p.Blobs.Get(blob.Sum(blob.Raw, bytesOf(n)))
		v.serve(fmt.Sprint("blob ", n), string(b), string(bytesOf(n)), err)
	}
}

func (v *visitor) heads() {
	for name, want := range v.want.heads {
		h, err := v.p.Heads.Get(name)
		var got contents
		if err == nil {
			got, err = read(v.p, h.ID)
		}
		v.serve("head "+name, got.String(), want.String(), err)
	}
	h, err := v.p.Heads.Get("branch/trunk")
	got := state{}
	if err == nil {
		err = lookBack(v.p, "trunk", h.ID, &got)
	}
	v.serve("the branch", strings.Join(got.branch, "; "), strings.Join(v.want.branch, "; "), err)
	all, err := v.p.Heads.List()
	if err == nil && len(all) != len(v.want.heads)+1 {
		v.wrong = append(v.wrong, fmt.Errorf("%w: %d heads", errWrong, len(all)))
	}
}

func (v *visitor) log() {
	next := uint64(1)
	err := v.p.log.Replay(func(seq uint64, b []byte, damaged bool) error {
		var err error
		if damaged {
			err = errors.New("damaged")
		}
		want := "nothing"
		if seq == next && seq <= uint64(len(v.want.log)) {
			want = v.want.log[seq-1]
		}
		next = seq + 1
		v.serve(fmt.Sprint("record ", seq), string(b), want, err)
		return nil
	})
	if err != nil {
		v.reported++
	}
	v.absent += max(len(v.want.log)+1-int(next), 0)
}

func TestNoFlippedBitOfASmallStoreIsServed(t *testing.T) {
	m, want := smallStore(t)
	var o outcomes
	tried := 0
	for _, name := range files(t, disk.FS{Disk: m}, ".") {
		for at := range sizeOf(t, m, name) {
			for bit := range uint(8) {
				if testing.Short() && bit != uint(at%8) {
					continue
				}
				damaged := m.Image(disk.KeepAll)
				require.True(t, damaged.Flip(name, at, bit))
				o.judge(t, damaged, want, fmt.Sprintf("bit %d of byte %d of %s", bit, at, name))
				tried++
			}
		}
	}
	require.Positive(t, o.refused+o.reported)
	require.Positive(t, o.sound, "what is flipped may be of no use")
	tally.Add(t, "badinputs", tried)
	t.Logf("%d flips: %+v", tried, o)
}

func TestNoTruncationOfASmallStoreIsServed(t *testing.T) {
	m, want := smallStore(t)
	var o outcomes
	tried := 0
	for _, name := range files(t, disk.FS{Disk: m}, ".") {
		whole := sizeOf(t, m, name)
		for size := range whole {
			damaged := m.Image(disk.KeepAll)
			f, err := disk.FS{Disk: damaged}.Open(name)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(size))
			require.NoError(t, f.Close())
			o.judge(t, damaged, want, fmt.Sprintf("%s cut to %d of %d bytes", name, size, whole))
			tried++
		}
	}
	require.Positive(t, o.refused+o.reported)
	tally.Add(t, "badinputs", tried)
	t.Logf("%d truncations: %+v", tried, o)
}

func sizeOf(t *testing.T, m *disk.Memory, name string) int64 {
	t.Helper()
	f, err := disk.FS{Disk: m}.Open(name)
	require.NoError(t, err)
	size, err := f.Size()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return size
}
