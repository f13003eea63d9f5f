package cmd_test

import (
	"net"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnInterruptedDemoFailsAndLeavesNoServerBehind(t *testing.T) {
	p := launch(t, nil, "demo")
	addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(p.lineWith("left out"))
	p.signal(os.Interrupt)
	r := p.wait()
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "interrupted")
	_, err := net.Dial("tcp", addr)
	require.Error(t, err, "nobody listens any more")
}
