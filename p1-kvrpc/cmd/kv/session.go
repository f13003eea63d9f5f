package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

// sessionFile is what the flags say of a session that goes on from run to run. Its file holds
// the guarantees that were asked for when it began, and the last token:
//
//	kv session ryw,mr
//	AQJiYW==
type sessionFile struct {
	name       string
	guarantees string // as they are printed; empty: none were asked for
}

// asPromised stands in the file for the guarantees that nobody has chosen: the level tells.
const asPromised = "default"

const sessionHead = "kv session "

func (s *sessionFile) flags(f *flag.FlagSet) {
	f.StringVar(&s.name, "session", "", "go on with the session in `FILE`, or begin it: servers show what it has seen and written")
	f.Func("guarantees", "begin the session with `LIST` only: some of ryw, mr, wfr, mw, or none (default: what the level promises)", func(list string) error {
		g, err := kv.ParseGuarantees(list)
		s.guarantees = g.String()
		return err
	})
}

// openSession is a session while a verb runs. Nobody else uses its file: of two runs at the
// same time the last one's token stays.
type openSession struct {
	name       string // empty: there is no session
	guarantees string
	token      []byte // the last one that is in the file
}

// open reads the file, or writes one for a session that begins: so a file that cannot be
// written ends the verb before anything was asked for.
func (s *sessionFile) open() (*openSession, error) {
	if s.name == "" {
		if s.guarantees != "" {
			return nil, cli.Usagef("-guarantees without a session: want -session FILE too")
		}
		return &openSession{}, nil
	}
	text, err := readSome(s.name, 2*kv.MaxToken)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(text) == 0 {
		return s.begin()
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	o, err := parseSession(s.name, text)
	if err == nil && s.guarantees != "" && s.guarantees != o.guarantees {
		err = cli.Usagef("the session in %s was begun with -guarantees %s: want these, none, or another file", s.name, o.guarantees)
	}
	return o, err
}

func (s *sessionFile) begin() (*openSession, error) {
	o := &openSession{name: s.name, guarantees: asPromised}
	if s.guarantees != "" {
		g, err := kv.ParseGuarantees(s.guarantees)
		if err != nil {
			return nil, err
		}
		o.guarantees, o.token = s.guarantees, g.Token()
	}
	if err := o.write(); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return o, nil
}

// readSome reads a file that has at most so many bytes.
func readSome(name string, most int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%w: %s is longer than %d bytes", kv.ErrTooLarge, name, most)
	}
	return text, err
}

func parseSession(name string, text []byte) (*openSession, error) {
	head, body, _ := strings.Cut(string(text), "\n")
	guarantees, ok := strings.CutPrefix(head, sessionHead)
	token, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(body, "\n"))
	if !ok || err != nil || len(token) > kv.MaxToken {
		return nil, fmt.Errorf("session: %s holds none: want a file that -session has made, or a name without one", name)
	}
	return &openSession{name: name, guarantees: guarantees, token: token}, nil
}

// keep lets fn go on with the session, and keeps where it has come to, also if fn fails: a
// refused read has seen something too.
func (o *openSession) keep(c *kv.Client, fn func() error) error {
	if o.name == "" {
		return fn()
	}
	c.Resume(o.token)
	err := fn()
	if token := c.Token(); !bytes.Equal(token, o.token) {
		o.token = token
		if bad := o.write(); bad != nil {
			return errors.Join(err, fmt.Errorf("%w: all has been asked for, but the session was not kept: %w", kv.ErrMaybe, bad))
		}
	}
	return err
}

// write replaces the file as a whole: whoever reads it finds the old session or the new one.
func (o *openSession) write() (err error) {
	f, err := os.CreateTemp(filepath.Dir(o.name), filepath.Base(o.name)+".*")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s%s\n%s\n", sessionHead, o.guarantees, base64.StdEncoding.EncodeToString(o.token))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return err
}
