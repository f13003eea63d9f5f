package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dss.example/p2-persist/dir"
)

func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// size prints a number of bytes for people, or as it is.
func (a *app) size(n int64) string {
	if a.exact {
		return strconv.FormatInt(n, 10)
	}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value /= 1 << 10; value < 1<<10 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// share prints a part of a whole in per cent.
func share(part, whole int64) string {
	if whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// rateValue is a flag that holds bytes a second.
type rateValue int64

func (r *rateValue) String() string { return strconv.FormatInt(int64(*r), 10) }

// Set reads a number with a unit: K, M, G or KiB, MiB, GiB are powers of 1024, KB, MB, GB
// of 1000.
func (r *rateValue) Set(s string) error {
	number := strings.TrimRight(s, "KMGiB")
	n, err := strconv.ParseInt(number, 10, 32)
	scale, ok := map[string]int64{
		"": 1, "B": 1, "K": 1 << 10, "KiB": 1 << 10, "KB": 1e3, "M": 1 << 20, "MiB": 1 << 20, "MB": 1e6,
		"G": 1 << 30, "GiB": 1 << 30, "GB": 1e9,
	}[s[len(number):]]
	if err != nil || !ok || n < 1 {
		return errors.New("want a number of bytes such as 50MB or 64KiB")
	}
	*r = rateValue(n * scale)
	return nil
}

// printable quotes a name that would do more to a terminal than stand there: names come
// from strangers.
func printable(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// clean replaces what cannot be printed in a text that stays as it is otherwise.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// when prints a time in nanoseconds since 1970 for people.
func when(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05Z") }

// exactly prints it for programs.
func exactly(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// plural prints a number of things: "1 file", "2 files".
func plural[N int | int64 | uint64](n N, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// report prints what could not be done, a line each.
func (s *store) report(problems dir.Listing) {
	for _, p := range problems.List {
		fmt.Fprintf(s.Err, "blob: %s: %s\n", printable(p.Path), clean(p.Err.Error()))
	}
	if more := problems.Count - int64(len(problems.List)); more > 0 {
		fmt.Fprintf(s.Err, "blob: and %d more\n", more)
	}
}

// progress tells how far long work is: a terminal shows one line that is drawn again,
// anything else gets lines if -progress wants them.
type progress struct {
	w     io.Writer // nil: nobody wants to know
	every time.Duration
	form  string // of a line
	end   string // wipes the line
	next  time.Time
}

func (s *store) progress() *progress {
	if isTerminal(s.Err) {
		return &progress{w: s.Err, every: 200 * time.Millisecond, form: "\r\x1b[K%s", end: "\r\x1b[K"}
	}
	if s.app.progress {
		return &progress{w: s.Err, every: 2 * time.Second, form: "blob: %s\n"}
	}
	return &progress{}
}

// isTerminal reports whether somebody looks on, as far as a file can tell.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show prints what line returns, if it is time. It must not be called from two goroutines
// at once.
func (p *progress) show(line func() string) {
	if p.w == nil {
		return
	}
	if now := time.Now(); !now.Before(p.next) {
		p.next = now.Add(p.every)
		fmt.Fprintf(p.w, p.form, line())
	}
}

// done wipes the line.
func (p *progress) done() {
	if p.end != "" && !p.next.IsZero() {
		io.WriteString(p.w, p.end)
	}
}
