package wire

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that cross the wire by their code. All but ErrPanic and ErrReply prove
// that the request was not executed.
var (
	ErrOverloaded = errors.New("overloaded, not executed")
	ErrShutdown   = errors.New("connection closed in good order, not executed")
	ErrTooLarge   = errors.New("message too large, not executed")
	ErrNoMethod   = errors.New("no such method")
	ErrMalformed  = errors.New("malformed message, not executed")
	ErrRefused    = errors.New("connection refused by the far side")
	ErrPanic      = errors.New("handler panicked, outcome unknown")
	ErrReply      = errors.New("executed, but its reply was lost: too large or unreadable")
)

// Errors that arise at the client.
var (
	// ErrNotSent proves that no byte of the request has left.
	ErrNotSent = errors.New("not sent")
	// ErrBroken tells that the connection died. Unless the error is ErrNotSent
	// too, the request may have been executed.
	ErrBroken = errors.New("connection broken")
	// ErrDeadline tells that the call's context ended first. Unless the error is
	// ErrNotSent too, the request may have been executed, or be executed yet.
	ErrDeadline = errors.New("no reply in time")
)

// Definite reports whether err proves that the request was not executed.
func Definite(err error) bool {
	for _, definite := range []error{
		ErrNotSent, ErrOverloaded, ErrShutdown, ErrTooLarge, ErrNoMethod, ErrMalformed, ErrRefused,
	} {
		if errors.Is(err, definite) {
			return true
		}
	}
	return false
}

// The codes of response heads. The numbers are part of the wire format. Those without
// an exported name are an error's of this package (CodeOf, Errors.Remote).
const (
	CodeDone    = iota // the reply follows
	CodeHandler        // an error of the handler's that is not listed
	codeOverloaded
	codeShutdown
	codeTooLarge
	codeNoMethod
	codeMalformed
	codeRefused
	codePanic
	codeReply

	// firstListed is the code of the application's error number 0.
	firstListed = 64
)

var wireErrors = [...]error{
	codeOverloaded: ErrOverloaded, codeShutdown: ErrShutdown, codeTooLarge: ErrTooLarge,
	codeNoMethod: ErrNoMethod, codeMalformed: ErrMalformed, codeRefused: ErrRefused,
	codePanic: ErrPanic, codeReply: ErrReply,
}

// maxText bounds the text of an error on the wire, in bytes.
const maxText = 1 << 10

// RemoteError is an error that the far side answered with. It unwraps to the
// sentinel that its code stands for, if there is one: an error of this package,
// or one listed in the client's options. With neither it is a handler's own.
type RemoteError struct {
	Text string
	is   error
}

// Error returns the text as the far side gave it.
func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the sentinel, or nil.
func (e *RemoteError) Unwrap() error { return e.is }

// Errors lists the errors of an application that keep their identity across the
// wire, under numbers that client and server agree on; at most 1<<16.
type Errors map[uint16]error

// Remote returns the error that a response head with this code and text tells of, a
// *[RemoteError]. Any code will do but CodeDone.
func (l Errors) Remote(code uint64, text string) error {
	e := &RemoteError{Text: text}
	switch {
	case code < uint64(len(wireErrors)):
		e.is = wireErrors[code]
	case code >= firstListed && code-firstListed < 1<<16:
		e.is = l[uint16(code-firstListed)]
	}
	switch {
	case e.Text != "":
	case e.is != nil:
		e.Text = e.is.Error()
	default:
		e.Text = fmt.Sprintf("error %d without a text", code)
	}
	return e
}

// Code returns the code of an error that a handler returned: that of the listed error
// that it is, the least of several, else CodeHandler. An error of this package has no
// other code here: what was refused to the handler was not refused by it.
func (l Errors) Code(err error) uint64 {
	code := uint64(CodeHandler)
	for n, is := range l {
		c := firstListed + uint64(n)
		if errors.Is(err, is) && (code == CodeHandler || c < code) {
			code = c
		}
	}
	return code
}

// codeOfText is Code where net/rpc has left the error's text only; of several listed
// errors that fit, the one with the longest text, then the least number.
func (l Errors) codeOfText(text string) uint64 {
	code, longest := uint64(CodeHandler), 0
	for n, err := range l {
		t := err.Error()
		if rest, ok := strings.CutPrefix(text, t); !ok || rest != "" && !strings.HasPrefix(rest, ": ") {
			continue
		}
		c := firstListed + uint64(n)
		if len(t) > longest || len(t) == longest && c < code {
			code, longest = c, len(t)
		}
	}
	return code
}

// CodeOf returns the code of an error that a server has itself, one of this package;
// CodeHandler for any other. For a handler's error there is Errors.Code.
func CodeOf(err error) uint64 {
	for code, e := range wireErrors {
		if e != nil && errors.Is(err, e) {
			return uint64(code)
		}
	}
	return CodeHandler
}

// farewell returns what the far side is told when reading ended with err: nil when
// there is nobody to tell.
func farewell(err error) error {
	switch {
	case errors.Is(err, errIdle), errors.Is(err, errSlow), errors.Is(err, errStopped):
		return fmt.Errorf("%w: %w", ErrShutdown, err)
	case CodeOf(err) != CodeHandler:
		return err
	}
	return nil
}

// blames reports whether reading ended for what the far side sent.
func blames(err error) bool {
	return CodeOf(err) != CodeHandler && !errors.Is(err, ErrShutdown)
}

// clip makes text fit for the wire: valid UTF-8 of at most maxText bytes.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "?")
}

// broken makes the error of a connection that died of cause, whose own identity
// says nothing about the requests.
func broken(cause error) error { return fmt.Errorf("%w: %v", ErrBroken, cause) }
