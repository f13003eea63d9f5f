package daemon_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
)

// childVar makes the test's own binary a daemon: "idle", or "busy" with a request
// that never ends.
const childVar = "DSS_DAEMON_CHILD"

func TestMain(m *testing.M) {
	kind := os.Getenv(childVar)
	if kind == "" {
		os.Exit(m.Run())
	}
	f := newFake()
	if kind == "busy" {
		f.busy = make(chan struct{})
	}
	os.Exit(daemon.Main(program(f)))
}

// child starts the test's binary as a daemon and waits until it serves.
func child(t *testing.T, kind string) (cmd *exec.Cmd, stderr *bufio.Reader) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], "-listen", loopback, "-drain-timeout", "10m")
	cmd.Env = append(os.Environ(), childVar+"="+kind)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "kvd stage=1 listening on 127.0.0.1:"), line)
	return cmd, bufio.NewReader(errs)
}

func TestAProcessDrainsOnSIGTERMAndExitsWith0(t *testing.T) {
	cmd, stderr := child(t, "idle")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
}

func TestASecondSignalEndsAProcessAtOnceWith1(t *testing.T) {
	cmd, stderr := child(t, "busy")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	line, err := stderr.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "draining")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.Equal(t, "kvd: ended at once by a second signal\n", string(rest))
	require.Error(t, cmd.Wait())
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
}
