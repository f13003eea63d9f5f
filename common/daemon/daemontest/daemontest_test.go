package daemontest_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/daemontest"
)

// TestMain lets the test binary be a server too: one that serves until its input ends.
func TestMain(m *testing.M) {
	if os.Getenv("SERVER_UNDER_TEST") == "1" {
		serve()
	}
	os.Exit(m.Run())
}

func serve() {
	fmt.Fprintln(os.Stderr, "ready")
	if len(os.Args) > 1 {
		os.Exit(7)
	}
	fmt.Println("listening on nothing")
	fmt.Println("more")
	_, _ = os.Stdin.Read(make([]byte, 1))
	fmt.Fprintln(os.Stderr, "bye")
	os.Exit(0)
}

func server(t *testing.T, args ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "SERVER_UNDER_TEST=1")
	return cmd
}

func TestAServerTellsItsFirstLineAndItsExitCode(t *testing.T) {
	cmd := server(t)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := daemontest.Start(t, cmd)
	require.Equal(t, "listening on nothing", p.Line)
	daemontest.Eventually(t, "a word", func() bool { return p.Said() == "ready\n" })
	require.NoError(t, in.Close())
	require.Zero(t, p.End(t))
	require.Equal(t, "ready\nbye\n", p.Said())
}

func TestAServerThatEndsAtOnceHasNoFirstLine(t *testing.T) {
	p := daemontest.Start(t, server(t, "wrong"))
	require.Empty(t, p.Line)
	require.Equal(t, 7, p.End(t))
}

func TestAServerThatIsKilledIsGone(t *testing.T) {
	cmd := server(t)
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := daemontest.Start(t, cmd)
	p.Kill(t)
	require.False(t, p.ProcessState.Success())
	require.NotContains(t, p.Said(), "bye")
}

func TestAFreeAddressCanBeListenedOn(t *testing.T) {
	ln, err := net.Listen("tcp", daemontest.FreeAddress(t))
	require.NoError(t, err)
	require.NoError(t, ln.Close())
}

func TestEventuallyLooksUntilItHolds(t *testing.T) {
	looks := 0
	daemontest.Eventually(t, "three looks", func() bool { looks++; return looks == 3 })
	require.Equal(t, 3, looks)
}
