package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/daemontest"
)

// desk is where a person types kv.
type desk struct {
	*group
	kv string // the command
}

func newDesk(g *group) *desk {
	d := &desk{g, filepath.Join(g.t.TempDir(), "kv")}
	out, err := exec.Command("go", "build", "-o", d.kv, "dss.example/p1-kvrpc/cmd/kv").CombinedOutput()
	require.NoError(g.t, err, "%s", out)
	return d
}

// at runs kv at one server, and returns what it prints.
func (d *desk) at(id int, args ...string) string {
	d.t.Helper()
	cmd := exec.Command(d.kv, append([]string{"-s", d.listens(id), "-timeout", long.String()}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(d.t, err, "kv %q: %s", args, &said)
	return string(out)
}

// prints waits until kv prints what matches.
func (d *desk) prints(want string, id int, args ...string) {
	d.t.Helper()
	pattern := regexp.MustCompile(want)
	daemontest.Eventually(d.t, fmt.Sprintf("%q by kv %q", want, args), func() bool { return pattern.MatchString(d.at(id, args...)) })
}

// TestKvShowsWhatReplicasOfThisStageKnow has the third server where only clients reach it, for
// a while.
func TestKvShowsWhatReplicasOfThisStageKnow(t *testing.T) {
	g := newGroup(t, 3)
	proxy := g.behindProxy(3)
	for id := 1; id <= 3; id++ {
		g.launch(id, "-peers", g.peers(1, 2, 3), "-zone", fmt.Sprint("zone-", id), "-probe", "50ms")
	}
	for id := 1; id <= 3; id++ {
		g.named(id)
	}
	g.agree(1, 2, 3)
	d := newDesk(g)
	d.prints("^server 1\tzone zone-1\n2\t"+g.addrs[1]+"\tzone-2\t[0-9.]+[µm]?s\tup.*\n3\t"+g.addrs[2]+"\tzone-3\t[0-9.]+[µm]?s\tup.*\n$", 1, "probe")
	require.Equal(t, 1, strings.Count(d.at(2, "probe"), "\tchosen\n"))

	proxy.Partition(time.Hour)
	d.prints("\n3\t.*\tdown\n$", 1, "probe")
	d.at(1, "put", "room", "Ada")
	require.Contains(t, d.at(3, "guarded", "-if", `db.get("room") == None`, "put", "room", "Bob"), "ok applied")
	require.Equal(t, "Bob\n", d.at(3, "get", "room"))
	require.Empty(t, d.at(3, "conflicts"))
	proxy.Heal()
	g.agree(1, 2, 3)
	for id := 1; id <= 3; id++ {
		require.Equal(t, "Ada\n", d.at(id, "-stable", "get", "room"))
		require.Regexp(t, "^[0-9.]+\tstable\t[0-9.]+\t.*\tput room=Bob\n$", d.at(id, "conflicts"))
	}
	d.prints("\n3\t.*\tup.*\n$", 1, "probe")
}
