package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A talk is a file of commands, each with what it printed (lines on the standard error
// after "! ", those that would not just stand there quoted) and, if it is not 0, how it
// ended: "= 1". Each talk has a folder of its own, which is DIR in it, with the store. Beside
//
//	$ blob ARGUMENT…
//
// there are commands of the talk itself:
//
//	$ write FILE TEXT      a file; the n-th is n minutes younger than 2026
//	$ random FILE BYTES    the same, with bytes that no other has
//	$ link FILE TARGET     a symbolic link
//	$ remove FILE          with all that is in it
//	$ mode FILE OCTAL
//	$ flip FILE OFFSET     a bit; a negative offset counts from the end
//	$ show FILE            prints it
//	$ same DIR DIR         compares two trees
//	$ equal FILE FILE      compares two files
func TestTalks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := (&talk{desk: newDesk(t)}).hold(string(want))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			require.Empty(t, cmp.Diff(string(want), got))
		})
	}
}

type talk struct {
	*desk
	written int // files
}

// hold carries out the commands of a talk and returns the talk as it went.
func (k *talk) hold(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") || line == "\n" {
			b.WriteString(line)
		}
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			words := split(k.t, strings.TrimSpace(command))
			r := k.carryOut(words[0], words[1:])
			fmt.Fprintf(&b, "%s%s%s", line, printed("", r.out), printed("! ", r.err))
			if r.code != 0 {
				fmt.Fprintf(&b, "= %d\n", r.code)
			}
		}
	}
	return strings.ReplaceAll(b.String(), k.dir, "DIR")
}

func (k *talk) carryOut(command string, args []string) (r result) {
	var err error
	switch command {
	case "blob":
		return k.run(args...)
	case "write":
		err = k.write(args[0], []byte(args[1]+"\n"))
	case "random":
		n, _ := strconv.Atoi(args[1])
		err = k.write(args[0], noise(args[0], n))
	case "link":
		if err = os.Symlink(args[1], k.path(args[0])); err == nil {
			err = age(k.dir, args[0])
		}
	case "remove":
		if err = os.RemoveAll(k.path(args[0])); err == nil {
			err = age(k.dir, args[0])
		}
	case "mode":
		mode, _ := strconv.ParseUint(args[1], 8, 9)
		err = os.Chmod(k.path(args[0]), fs.FileMode(mode))
	case "flip":
		offset, _ := strconv.Atoi(args[1])
		err = flip(k.path(args[0]), offset)
	case "show":
		var text []byte
		text, err = os.ReadFile(k.path(args[0]))
		r.out = string(text)
	case "same":
		r.out = cmp.Diff(listing(k.t, k.path(args[0])), listing(k.t, k.path(args[1]))) + "compared\n"
	case "equal":
		var a, b []byte
		a, err = os.ReadFile(k.path(args[0]))
		require.NoError(k.t, err)
		b, err = os.ReadFile(k.path(args[1]))
		r.out = fmt.Sprintln(len(a), "and", len(b), "bytes, equal:", string(a) == string(b))
	default:
		require.Fail(k.t, "no such command", command)
	}
	require.NoError(k.t, err, "%s %q", command, args)
	return r
}

// epoch is how old the directories of a talk are.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (k *talk) write(name string, contents []byte) error {
	k.written++
	return writeAt(k.dir, name, contents, epoch.Add(time.Duration(k.written)*time.Minute))
}

// writeAt makes a file with the directories above it, with modes and times that do not
// depend on who runs the test, or when.
func writeAt(dir, name string, contents []byte, mtime time.Time) error {
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, contents, 0o644); err != nil {
		return err
	}
	if err := os.Chtimes(file, mtime, mtime); err != nil {
		return err
	}
	return errors.Join(os.Chmod(file, 0o644), age(dir, name))
}

// age makes the directories above a file old.
func age(dir, name string) error {
	var err error
	for up := filepath.Dir(name); up != "."; up = filepath.Dir(up) {
		up := filepath.Join(dir, up)
		err = errors.Join(err, os.Chmod(up, 0o755), os.Chtimes(up, epoch, epoch))
	}
	return err
}

// noise returns bytes that nobody can share, always the same for a name.
func noise(name string, n int) []byte {
	b := []byte{}
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// flip flips a bit of a file.
func flip(name string, offset int) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if offset < 0 {
		offset += len(b)
	}
	b[offset] ^= 1
	return os.WriteFile(name, b, 0o600)
}

// listing tells all of a tree that a snapshot keeps, but for the times of directories.
func listing(t testing.TB, root string) map[string]string {
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			var b []byte
			b, err = os.ReadFile(path)
			what += fmt.Sprintf(" %v %x", info.ModTime().UTC(), sha256.Sum256(b))
		case info.Mode()&fs.ModeSymlink != 0:
			var to string
			to, err = os.Readlink(path)
			what += " " + to
		}
		all[strings.TrimPrefix(path, root)] = what
		return err
	}))
	return all
}

// split takes a command line apart; words in double quotes are Go strings.
func split(t testing.TB, line string) (words []string) {
	for line != "" {
		word, _, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			var err error
			word, err = strconv.QuotedPrefix(line)
			require.NoError(t, err, line)
		}
		line = strings.TrimLeft(line[len(word):], " ")
		if word[0] == '"' {
			word, _ = strconv.Unquote(word)
		}
		words = append(words, word)
	}
	return words
}

// printed puts a prefix before each line, and quotes what the golden file could not hold.
func printed(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		odd := func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) || r == unicode.ReplacementChar }
		if line == "" || strings.ContainsFunc(line, odd) || strings.HasSuffix(line, " ") {
			line = strconv.Quote(line)
		}
		if !ended {
			line += " (no newline)"
		}
		b.WriteString(prefix + line + "\n")
	}
	return b.String()
}
