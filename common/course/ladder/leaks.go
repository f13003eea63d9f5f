package ladder

import (
	"bytes"
	"cmp"
	"context"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// Leak is a line of a tree that gives away a line of a solution.
type Leak struct {
	File string // from the root
	Line int
	Text string // the solution's line
	From string // where the reference has it: "p1-kvrpc/table/write.go:31"
}

// What says too little is no secret: a line of code counts from secretTokens names,
// literals and operators on, unless it is the head of a function literal, whose type
// is given elsewhere; a comment counts from secretComment characters on. Of all lines
// that could be a solution of stage 1, none is then found elsewhere by chance.
const (
	secretTokens  = 12
	secretComment = 40
)

// Leaks returns the lines of solutions that the tree with that many steps solved gives
// away, wherever they stand in it: tests, READMEs, comments.
//
// A line of a solution is a secret if it says enough (secretTokens, secretComment), and
// neither the student's own files outside the solution hold it, nor any given code of
// the stages that is not a test, nor any code of common, which knows no stage: what
// given code does too is no solution. Blanks at both ends do not matter; in a text that is not Go a secret
// may stand within a line.
func (l *Ladder) Leaks(solved int) ([]Leak, error) {
	all, err := l.tree(context.Background(), solved, Own, nil)
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	for _, e := range all {
		if texts[e.name], err = l.content(e); err != nil {
			return nil, err
		}
	}
	secrets := l.secrets(solved)
	for name, text := range texts {
		test := strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "common/")
		if strings.HasSuffix(name, ".go") && !test {
			_, own := l.files[name]
			forgetGiven(secrets, text, own)
		}
	}
	var leaks []Leak
	for _, e := range all {
		leaks = append(leaks, find(secrets, e.name, texts[e.name])...)
	}
	return leaks, nil
}

// secrets returns the lines of code and comment that the rung lacks, and where they are.
func (l *Ladder) secrets(solved int) map[string]string {
	secrets := map[string]string{}
	for name, p := range l.cuts {
		if !p.exists(solved) {
			addSecrets(secrets, name, 1, p.text)
		}
		for _, c := range p.cuts {
			if c.step >= solved {
				first := 1 + bytes.Count(p.text[:c.start], []byte("\n"))
				addSecrets(secrets, name, first, p.text[c.start:c.end])
			}
		}
	}
	return secrets
}

func addSecrets(secrets map[string]string, name string, line int, text []byte) {
	for raw := range bytes.Lines(text) {
		if s := strings.TrimSpace(string(raw)); isSecret(s) {
			secrets[s] = name + ":" + strconv.Itoa(line)
		}
		line++
	}
}

func isSecret(line string) bool {
	if strings.HasPrefix(line, "//") {
		return len(line) >= secretComment && !looksLike.MatchString(line)
	}
	if strings.Contains(line, "func(") && strings.HasSuffix(line, "{") {
		return false
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(line)), []byte(line), func(token.Position, string) {}, 0)
	tokens := 0
	for {
		_, tok, literal := s.Scan()
		switch {
		case tok == token.EOF:
			return tokens >= secretTokens
		case tok != token.SEMICOLON || literal != "\n":
			tokens++
		}
	}
}

// forgetGiven removes what stands in given code. A comment counts in the student's own
// files, where it stands outside the solution; elsewhere it reveals as much as any
// other text.
func forgetGiven(secrets map[string]string, text []byte, comments bool) {
	for raw := range bytes.Lines(text) {
		if s := strings.TrimSpace(string(raw)); comments || !strings.HasPrefix(s, "//") {
			delete(secrets, s)
		}
	}
}

// find looks for secrets in one file.
func find(secrets map[string]string, name string, text []byte) []Leak {
	var leaks []Leak
	add := func(line int, secret string) {
		leaks = append(leaks, Leak{File: name, Line: line, Text: secret, From: secrets[secret]})
	}
	if !strings.HasSuffix(name, ".go") {
		for secret := range secrets {
			if at := bytes.Index(text, []byte(secret)); at >= 0 {
				add(1+bytes.Count(text[:at], []byte("\n")), secret)
			}
		}
		slices.SortFunc(leaks, func(a, b Leak) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
		})
		return leaks
	}
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		whole := strings.TrimSpace(string(raw))
		bare := strings.TrimSpace(strings.TrimPrefix(whole, "//"))
		for _, s := range []string{whole, bare} {
			if _, ok := secrets[s]; ok {
				add(line, s)
				break
			}
		}
	}
	return leaks
}
