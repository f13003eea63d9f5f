//go:build unix

package grade_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inside is a file beside the student's own that runs when the program starts.
func inside(imports, body string) string {
	var b strings.Builder
	b.WriteString("package tally\n\nimport (\n")
	for _, name := range strings.Fields(imports) {
		fmt.Fprintf(&b, "\t%q\n", name)
	}
	return b.String() + ")\n\n" + body + "\n"
}

const forged = `for _, c := range []string{"p1.1/sums", "p1.1/bounds", "p1.2/order", "p1.3/once"} {
	step, check, _ := strings.Cut(c, "/")
	fmt.Fprintf(w, "{\"step\":%q,\"check\":%q,\"rule\":\"it must be so\",\"outcome\":\"passed\",\"took\":1}\n", step, check)
}
`

// attacks are submissions of somebody who has solved nothing, and what they are told.
var attacks = []struct{ name, file, text, told string }{
	{"prints verdicts", "x.go", inside("fmt os strings", "func init() { w := os.Stdout\n"+forged+"}"), "tally answered"},
	{"prints verdicts and leaves", "x.go", inside("fmt os strings", "func init() { w := os.Stdout\n"+forged+"os.Exit(0) }"), "tally answered"},
	{"prints verdicts on the standard error", "x.go", inside("fmt os strings", "func init() { w := os.Stderr\n"+forged+"}"), "tally"},
	{"leaves at once", "x.go", inside("os", "func init() { os.Exit(0) }"), `tally answered "" and ended with 0`},
	{"panics", "x.go", inside("os", "func init() { _ = os.Args; panic(`here and now`) }"), "panic: here and now"},
	{"writes to every descriptor", "x.go", inside("fmt os strings", "func init() { for fd := uintptr(3); fd < 100; fd++ { w := os.NewFile(fd, `x`)\n"+forged+"} }"), "tally answered"},
	{
		"writes to the judge's descriptors", "x.go",
		inside("fmt os strings", "func init() { for pid := range 70000 { for fd := range 3 { w, err := os.OpenFile(fmt.Sprintf(`/proc/%d/fd/%d`, pid, fd), os.O_WRONLY, 0)\nif err != nil { break }\n"+forged+"} } }"), "tally answered",
	},
	{"kills its parent", "x.go", inside("os syscall", "func init() { syscall.Kill(os.Getppid(), syscall.SIGKILL); syscall.Kill(-1, syscall.SIGKILL) }"), "tally answered"},
	{"changes its arguments", "x.go", inside("os", "func init() { os.Args = []string{`judge`, `-list`} }"), "tally answered"},
	{"reads the judge", "x.go", inside("os", "func init() { for _, f := range []string{`/proc/self/exe`, `/etc/passwd`, `/proc/1/environ`, `../../judge`} { b, err := os.ReadFile(f); if err == nil { panic(`I can read ` + f + string(b[:9])) } } }"), "tally answered"},
	{"sees the environment", "x.go", inside("os strings", "func init() { for _, e := range os.Environ() { if strings.HasPrefix(e, `DSS`) || strings.HasPrefix(e, `GOCACHE`) { panic(e) } } }"), "tally answered"},
	{"asks the network", "x.go", inside("net time", "func init() { if c, err := net.DialTimeout(`tcp`, `1.1.1.1:53`, time.Second); err == nil { c.Close(); panic(`there is a network`) } }"), "tally answered"},
	{"sleeps for ever", "x.go", inside("time", "func init() { for { <-time.After(time.Hour) } }"), "did nothing for 500ms while it was waited for"},
	{"computes for ever", "x.go", "package tally\n\nfunc init() { for {} }\n", "used more than 1s of processor time"},
	{"fills the disk", "x.go", inside("os", "func init() { f, _ := os.Create(`big`); if err := f.Truncate(1 << 30); err != nil { panic(err) } }"), "tally ended with"},
	{"takes all memory", "x.go", "package tally\n\nvar all []byte\n\nfunc init() { all = make([]byte, 4<<30) }\n", "out of memory"},
	{
		"leaves a child behind", "x.go",
		inside("os os/exec syscall time", "func init() { if len(os.Args) > 1 { <-time.After(time.Hour) }; c := exec.Command(`/bin/tally`, `child-of-the-hostile`); c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stderr, os.Stderr; c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}; if err := c.Start(); err != nil { panic(err) } }"), "tally answered",
	},
	{"asks for C", "x.go", "package tally\n\nimport \"C\"\n", `x.go:3: may not import "C"`},
	{"is unsafe", "x.go", "package tally\n\nimport _ \"unsafe\"\n", `x.go:3: may not import "unsafe"`},
	{"imports from elsewhere", "x.go", "package tally\n\nimport _ `dss.example/common/judge`\n", "x.go:3: may not import `dss.example/common/judge`"},
	{"links by name", "x.go", "package tally\n\n//go:linkname now time.now\nfunc now()\n", "x.go:3: may not say //go:linkname"},
	{"embeds", "x.go", "package tally\n\nimport _ \"embed\"\n\n//go:embed x.go\nvar text string\n", "x.go:5: may not say //go:embed"},
	{"is there on some systems only", "x.go", "//go:build linux\n\npackage tally\n", "x.go:1: may not say //go:build"},
	{"speaks of constraints in the old way", "x.go", "// +build linux\n\npackage tally\n", "x.go:1: may not say // +build"},
	{"lies about its lines", "x.go", "package tally\n\n//line judge.go:1\nvar x = 1\n", "may not say //line"},
	{"does not parse", "x.go", "package tally\n\nfunc {\n", "x.go:3:6"},
	{"does not compile", "x.go", "package tally\n\nvar x int = `no`\n", "\np1-toy/tally/x.go:3:13: cannot use"},
	{"is too long", "x.go", "package tally\n//" + strings.Repeat("x", 1<<20), "more than 1048576 bytes"},
	{"brings tests", "x_test.go", "package tally\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(*testing.M) { os.Exit(0) }\n", "ignored: ` p1-toy/tally/x_test.go `"},
	{"brings assembly", "x.s", "TEXT ·x(SB), 0, $0\n\tRET\n", "ignored: ` p1-toy/tally/x.s `"},
	{"replaces modules", "../go.mod", "module toy.example/p1-toy\n\nreplace fmt => ../fmt\n", "ignored: ` p1-toy/go.mod `"},
	{"vendors", "../vendor/fmt/fmt.go", "package fmt\n", "ignored: ` p1-toy/vendor/fmt/fmt.go `"},
	{"gives itself points", "../stage.yaml", "stage: p1\n", "ignored: ` p1-toy/stage.yaml `"},
	{"changes the program", "../cmd/tally/main.go", "package main\n\nfunc main() { println(`a=42`) }\n", "ignored: ` p1-toy/cmd/tally/main.go `"},
	{"changes the workspace", "../../go.work", "go 1.26.0\n\nuse /\n", "ignored: ` go.work `"},
}

func TestNoHostileSubmissionGainsAPoint(t *testing.T) {
	c := newClass(t)
	for _, a := range attacks {
		c.submit(a.name, c.rung(0), filepath.ToSlash(filepath.Join("p1-toy/tally", a.file)), a.text)
	}
	links(c)
	c.run()
	for _, a := range attacks {
		o := c.outcome(a.name)
		require.NotNil(t, o.Score, "%s: %s", a.name, o.text())
		require.Zero(t, *o.Score, a.name)
		require.Contains(t, o.text(), a.told, a.name)
		require.NotContains(t, o.text(), "root:", a.name)
		for _, secret := range []string{"I can read", "there is a network", "DSS_", "GOCACHE="} {
			require.NotContains(t, o.text(), "panic: "+secret, a.name)
		}
	}
	for _, name := range []string{"links a file", "links a folder", "opens a pipe", "nothing"} {
		require.Zero(t, *c.outcome(name).Score, name)
		require.NotContains(t, c.outcome(name).text(), "root:", name)
	}
	require.Contains(t, c.outcome("links a file").Output, "p1-toy/tally/tally.go is no regular file")
	require.Contains(t, c.outcome("nothing").Output, "there is no file of the stage")
	requireNoProcess(t, "child-of-the-hostile")
}

// links hands in what is no file.
func links(c *class) {
	c.submit("links a file", nil)
	c.submit("links a folder", nil)
	c.submit("opens a pipe", nil)
	c.submit("nothing", nil, "README.md", "hello")
	in := func(student, name string) string {
		dir := filepath.Join(c.Submissions, student, "p1-toy")
		require.NoError(c, os.MkdirAll(filepath.Join(dir, "tally"), 0o755))
		return filepath.Join(dir, name)
	}
	require.NoError(c, os.Symlink("/etc/passwd", in("links a file", "tally/tally.go")))
	require.NoError(c, os.Symlink("/etc", in("links a folder", "order")))
	require.NoError(c, makePipe(in("opens a pipe", "tally/tally.go")))
}
