package procedure

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Why a procedure gave no answer: what an *Error unwraps to.
var (
	ErrRefused    = errors.New("the program is refused")        // by its text: it has not run
	ErrCeiling    = errors.New("a ceiling is exceeded")         // one of Limits
	ErrUnresolved = errors.New("the conflict is unresolved")    // the program said so, by fail
	ErrFailed     = errors.New("the program ended in an error") // a wrong type, a missing key, …
)

// Error tells why a procedure gave no answer, and where. It is a function of the program, the
// state and the update, like an answer: replicas may store and compare its text.
type Error struct {
	Role   string // "dependency check" or "merge procedure"
	Line   int    // from 1, in the source; 0: nowhere in it
	Column int    // in characters, from 1; 0: nowhere
	Text   string // at most 200 bytes of printable UTF-8
	Kind   error  // ErrRefused, ErrCeiling, ErrUnresolved or ErrFailed
}

// Error returns role, place and text.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Role + ": " + e.Text
	}
	return fmt.Sprintf("%s, %d:%d: %s", e.Role, e.Line, e.Column, e.Text)
}

// Unwrap returns Kind.
func (e *Error) Unwrap() error { return e.Kind }

// as returns the same error in another role: programs are kept without one.
func (e *Error) as(role string) *Error {
	c := *e
	c.Role = role
	return &c
}

const maxText = 200 // bytes of an error's text

func newError(kind error, pos syntax.Position, text string) *Error {
	return &Error{Line: int(pos.Line), Column: int(pos.Col), Text: printable(text, maxText), Kind: kind}
}

func refusal(pos syntax.Position, format string, args ...any) *Error {
	return newError(ErrRefused, pos, fmt.Sprintf(format, args...))
}

// refusalOf is what the library has against a text.
func refusalOf(err error) *Error {
	var parse syntax.Error
	var names resolve.ErrorList
	switch {
	case errors.As(err, &parse):
		return refusal(parse.Pos, "%s", parse.Msg)
	case errors.As(err, &names):
		return refusal(names[0].Pos, "%s", names[0].Msg)
	}
	return refusal(syntax.Position{}, "%v", err)
}

// failure is what a fail in a program says.
type failure string

func (f failure) Error() string { return string(f) }

// failureOf is how a run ended that gave no answer.
func (m *meter) failureOf(err error) *Error {
	pos := syntax.Position{}
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		pos = place(eval.CallStack)
	}
	var said failure
	switch {
	case m.over != nil:
		return newError(ErrCeiling, pos, m.over.Error())
	case errors.As(err, &said):
		return newError(ErrUnresolved, pos, string(said))
	}
	return newError(ErrFailed, pos, err.Error())
}

// place returns the innermost place of the program itself.
func place(stack starlark.CallStack) syntax.Position {
	for i := range stack {
		if pos := stack.At(i).Pos; pos.Filename() == fileName {
			return pos
		}
	}
	return syntax.Position{}
}

// printable returns text without control characters or bytes that are not UTF-8, cut to max
// bytes. Which other characters a terminal shows differs between releases of Unicode.
func printable(text string, max int) string {
	cut := len(text) > max
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), max)], "?"))
	if !cut {
		return text
	}
	const more = "…"
	for len(text) > max-len(more) {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + more
}
