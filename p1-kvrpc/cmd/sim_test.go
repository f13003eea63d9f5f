package cmd_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/world"
)

func TestASeedGivesTheSameRunAndTheSameTrace(t *testing.T) {
	dir := t.TempDir()
	trace := func(name, seed string) (hash, text string) {
		file := filepath.Join(dir, name)
		hash = lastLine(done(t, "sim", "-seed", seed, "-trace", file))
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return hash, string(b)
	}
	hash, text := trace("1", "7")
	again, same := trace("2", "7")
	other, another := trace("3", "8")
	require.Regexp(t, `^hash=[0-9a-f]{16}$`, hash)
	require.Equal(t, hash, again)
	require.Equal(t, text, same)
	require.NotEqual(t, hash, other)
	require.NotEqual(t, text, another)
}

func TestARunIsShownInEveryForm(t *testing.T) {
	require.Contains(t, done(t, "sim", "-seed", "7", "-print"), "1/table     ready empty disk")
	page := filepath.Join(t.TempDir(), "page.html")
	done(t, "sim", "-seed", "7", "-html", page)
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "sim -seed 7")
	require.Contains(t, string(html), `content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"`, "it fetches nothing")

	p := launch(t, strings.NewReader("n\nn\np\n5\nq\n"), "sim", "-seed", "7", "-step")
	r := p.wait()
	require.Zero(t, r.code)
	require.Contains(t, r.out, "-- step 5, ")
	require.Regexp(t, `^hash=`, lastLine(r.out))
}

func TestAScriptIsComparedWithWhatHappens(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), done(t, "sim", "-script", file))
	}
	right, err := os.ReadFile("../testdata/lost-answer.txt")
	require.NoError(t, err)
	wrong := filepath.Join(t.TempDir(), "wrong.txt")
	require.NoError(t, os.WriteFile(wrong, []byte(strings.Replace(string(right), "1 bytes", "2 bytes", 1)), 0o600))
	r := run(t, "sim", "-script", wrong)
	require.Equal(t, 1, r.code)
	require.Equal(t, string(right), r.out)
	require.Regexp(t, `^\S+wrong.txt:\d+: expected \(-\), but happened \(\+\):\n- .*2 bytes\n\+ .*1 bytes\n$`, r.err)
}

func TestManySchedulesGiveOneHashOnAnyNumberOfProcessors(t *testing.T) {
	out := done(t, "sim", "-schedules", "50", "-quiet")
	require.Regexp(t, `^hash=[0-9a-f]{16}$`, lastLine(out))
	cmd := exec.Command(program(t, "sim"), "-schedules", "50")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	again, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, out, string(again))
	require.NotEqual(t, lastLine(out), lastLine(done(t, "sim", "-schedules", "50", "-seed", "9", "-quiet")))
	require.Regexp(t, `^schedules +\d+00\n`, done(t, "sim", "-for", "50ms", "-quiet"))
}

func TestExploringShowsHowAtLeastOnceAppendsTwice(t *testing.T) {
	r := run(t, "sim", "-explore", "-quiet", "-mode", "at-least-once")
	require.Equal(t, 1, r.code)
	require.Empty(t, r.err)
	require.Contains(t, r.out, "FAILED: two appends of one byte made a value of 3 bytes, after these 5 actions:\n")
	require.Contains(t, r.out, "return 16611807117248: ok rev 3: 2 bytes")
	require.NotContains(t, r.out, "{Session:", "no dumps of structures")
}

// stdio is a process as a stream.
type stdio struct {
	io.Reader
	io.Writer
}

func TestAJudgeDrivesTheMachinesThroughThePipe(t *testing.T) {
	cmd := exec.Command(program(t, "sim"), "-pipe")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	far, err := sim.NewPipe(stdio{out, in}).Many(t.Context(), world.New(session.ExactlyOnce), 1, 40, 20)
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait(), "it ends with its input")
	require.NoError(t, err)
	require.Nil(t, far.Failed)
	require.Equal(t, sim.Many(t.Context(), world.New(session.ExactlyOnce), 1, 40, nil).Hash, far.Hash)
}

// requireStory checks what a failure must tell, and that its command replays it.
func requireStory(t *testing.T, r result, replay func(args ...string) result) {
	t.Helper()
	require.Equal(t, 1, r.code, "%+v", r)
	failed := regexp.MustCompile(`(?m)^FAILED seed \d+, .*$`).FindString(r.out)
	require.Contains(t, failed, "executed twice: ")
	shrunk := regexp.MustCompile(`(?m)^shrunk from \d+ to (\d+) actions: `).FindStringSubmatch(r.out)
	require.NotNil(t, shrunk, r.out)
	require.LessOrEqual(t, len(shrunk[1]), 2, "a schedule for people")
	command := regexp.MustCompile(`(?m)^replay: go run ./p1-kvrpc/cmd/sim (.*)$`).FindStringSubmatch(r.out)
	require.NotNil(t, command, r.out)
	again := replay(strings.Fields(command[1])...)
	require.Equal(t, 1, again.code)
	require.Contains(t, again.out, failed+"\n")
	see := replay(append(strings.Fields(command[1]), "-shrunk", "-print")...)
	require.Contains(t, see.out, "VIOLATED")
}

func TestAFailureIsShrunkAndItsCommandReplaysIt(t *testing.T) {
	sim := func(args ...string) result { return run(t, "sim", args...) }
	requireStory(t, sim("-mode", "at-least-once", "-schedules", "2000", "-quiet"), sim)
}

func TestABrokenBuildIsFoundOutByItsSchedules(t *testing.T) {
	const right, wrong = "\ti, done := s.search(req.Seq)\n\tif done {", "\ti, done := s.search(req.Seq)\n\tif done && i < 0 {"
	dir := t.TempDir()
	source, err := filepath.Abs("../table/session.go")
	require.NoError(t, err)
	code, err := os.ReadFile(source)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(code), right))
	changed := filepath.Join(dir, "session.go")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(code), right, wrong, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))

	broken := filepath.Join(dir, "sim")
	require.NoError(t, build(broken, "-overlay="+filepath.Join(dir, "overlay.json"), "./sim"))
	sim := func(args ...string) result { return run(t, broken, args...) }
	requireStory(t, sim("-schedules", "1000", "-quiet"), sim)
}
