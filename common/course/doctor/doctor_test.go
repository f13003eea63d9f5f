package doctor_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/doctor"
	"dss.example/common/course/toy"
)

var now = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// well returns a machine that lacks nothing.
func well() *doctor.System {
	return &doctor.System{
		Run: func(_ context.Context, _ string, _ []string, name string, args ...string) (string, error) {
			if name == "go" && args[0] == "env" {
				return "go1.26.8\n", nil
			}
			return name + " version 2\nmore\n", nil
		},
		Free: func(string) (uint64, error) { return 9 << 30, nil }, Files: func() (uint64, error) { return 1024, nil },
		Listen: func() error { return nil }, Cores: 2, Now: now,
	}
}

func work(at time.Time) fstest.MapFS {
	return fstest.MapFS{"go.work": {Data: []byte("go 1.26.0\n\nuse ./p1\n"), ModTime: at}}
}

func examine(t *testing.T, s *doctor.System, tree fstest.MapFS) (fine bool, lines []string) {
	t.Helper()
	fine = s.Examine(t.Context(), "/w/root", tree, func(f doctor.Finding) { lines = append(lines, f.String()) })
	return fine, lines
}

func TestMachineThatLacksNothingIsTold(t *testing.T) {
	fine, lines := examine(t, well(), work(now))
	require.True(t, fine)
	want := `ok       go        go1.26.8
ok       make      make version 2
ok       git       git version 2
ok       disk      9.0 GiB free
ok       loopback  127.0.0.1 has free ports
ok       ulimit    1024 open files
ok       cores     2
ok       clock     2026-09-01 12:00:00
ok       modules   all are in the module cache`
	require.Empty(t, cmp.Diff(want, strings.Join(lines, "\n")))
}

// without lets commands fail whose words hold the given ones.
func without(s *doctor.System, words, says string) {
	next := s.Run
	s.Run = func(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
		if strings.Contains(strings.Join(append(append(slices.Clone(env), name), args...), " "), words) {
			return "", errors.New(says)
		}
		return next(ctx, dir, env, name, args...)
	}
}

func TestWhatIsMissingIsNamedWithWhatMendsIt(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*doctor.System)
		fine bool
		want string
	}{
		"no go":        {func(s *doctor.System) { without(s, "go env", "not found") }, false, "missing  go        there is none: install go1.26.0 or newer"},
		"no make":      {func(s *doctor.System) { without(s, "make", "not found") }, true, "poor     make      there is none: install the package make"},
		"no git":       {func(s *doctor.System) { without(s, "git", "not found") }, true, "poor     git       there is none: install"},
		"no room":      {func(s *doctor.System) { s.Free = func(string) (uint64, error) { return 1 << 30, nil } }, false, "missing  disk      1.0 GiB free: make room"},
		"room unknown": {func(s *doctor.System) { s.Free = func(string) (uint64, error) { return 0, errors.ErrUnsupported } }, true, "poor     disk      free room is unknown"},
		"no loopback":  {func(s *doctor.System) { s.Listen = func() error { return errors.New("forbidden") } }, false, "missing  loopback  forbidden: let programs listen"},
		"few files":    {func(s *doctor.System) { s.Files = func() (uint64, error) { return 256, nil } }, false, "missing  ulimit    256 open files: run ulimit -n 4096"},
		"no limits":    {func(s *doctor.System) { s.Files = func() (uint64, error) { return 0, errors.ErrUnsupported } }, true, "ok       ulimit    this system tells of no limit"},
		"one core":     {func(s *doctor.System) { s.Cores = 1 }, true, "poor     cores     1: tests take longer"},
		"clock behind": {func(s *doctor.System) { s.Now = now.Add(-48 * time.Hour) }, false, "missing  clock     2026-08-30 12:00:00: behind: go.work is of 2026-09-01"},
		"no cache":     {func(s *doctor.System) { without(s, "=off go list", "not here") }, true, "ok       modules   fetched what was missing"},
		"no network":   {func(s *doctor.System) { without(s, "go list", "dial tcp\nmore") }, false, "missing  modules   dial tcp: connect to the network"},
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			c.make(s)
			fine, lines := examine(t, s, work(now))
			require.Equal(t, c.fine, fine)
			require.Len(t, lines, 9)
			require.True(t, slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, c.want) }), strings.Join(lines, "\n"))
		})
	}
}

func TestGoThatIsTooOldIsRefused(t *testing.T) {
	for version, fine := range map[string]bool{"go1.25.9": false, "go1.26.0": true, "go1.27rc1": true} {
		s := well()
		next := s.Run
		s.Run = func(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
			if name == "go" && args[0] == "env" {
				require.Equal(t, "/w", dir, "inside the workspace another toolchain might be fetched")
				require.Contains(t, env, "GOTOOLCHAIN=local")
				return version + "\n", nil
			}
			return next(ctx, dir, env, name, args...)
		}
		got, _ := examine(t, s, work(now))
		require.Equal(t, fine, got, version)
	}
	got, lines := examine(t, well(), fstest.MapFS{})
	require.False(t, got)
	require.Contains(t, lines[0], "go.work names no version")
}

func TestExaminationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	fine := well().Examine(ctx, "/w/root", work(now), func(doctor.Finding) { seen++; cancel() })
	require.False(t, fine)
	require.Equal(t, 1, seen)
}

func TestThisMachineIsExamined(t *testing.T) {
	root := toy.Write(t)
	var names []string
	doctor.This().Examine(t.Context(), root, os.DirFS(root), func(f doctor.Finding) {
		names = append(names, f.Name)
		require.NotEmpty(t, f.Says)
		if f.Name == "go" || f.Name == "loopback" || f.Name == "modules" { // or this test would not run
			require.True(t, f.OK(), f.String())
		}
	})
	require.Len(t, names, 9)
}
