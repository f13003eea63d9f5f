package call

import (
	"errors"
	"fmt"
	"strings"

	"dss.example/common/wire"
)

// The codes of doc.go.
const (
	codeDone = iota
	codeHandler
	codeOverloaded
	codeShutdown
	codeTooLarge
	codeNoMethod
	codeMalformed
	codeRefused
	codePanic
	codeReply

	firstListed = 64
)

// coded are the errors that have a code of their own.
var coded = [...]error{
	codeOverloaded: wire.ErrOverloaded, codeShutdown: wire.ErrShutdown, codeTooLarge: wire.ErrTooLarge,
	codeNoMethod: wire.ErrNoMethod, codeMalformed: wire.ErrMalformed, codeRefused: wire.ErrRefused,
	codePanic: wire.ErrPanic, codeReply: wire.ErrReply,
}

// codeOf returns the code of an error of package wire; codeHandler for any other.
func codeOf(err error) uint64 {
	for code, e := range coded {
		if e != nil && errors.Is(err, e) {
			return uint64(code)
		}
	}
	return codeHandler
}

// failure is the response that tells of an error of this package's own: it has the
// error's code and text. Request 0 makes it a notice.
func failure(seq uint64, err error) response {
	return response{seq: seq, code: codeOf(err), text: err.Error()}
}

// handlerCode returns the code of an error that a handler returned: that of the
// listed error that it is, the least number of several, else codeHandler.
func handlerCode(err error, listed wire.Errors) uint64 {
	code := uint64(codeHandler)
	for n, e := range listed {
		c := firstListed + uint64(n)
		if errors.Is(err, e) && (code == codeHandler || c < code) {
			code = c
		}
	}
	return code
}

// remoteError is a wire.RemoteError with the identity that its code stands for.
type remoteError struct {
	*wire.RemoteError
	is error
}

func (e *remoteError) Unwrap() []error { return []error{e.RemoteError, e.is} }

// remote returns the error that a response tells of; its code is not codeDone.
func remote(p response, listed wire.Errors) error {
	var is error
	switch {
	case p.code < uint64(len(coded)):
		is = coded[p.code]
	case p.code >= firstListed && p.code-firstListed < 1<<16:
		is = listed[uint16(p.code-firstListed)]
	}
	e := &wire.RemoteError{Text: p.text}
	switch {
	case is == nil && e.Text == "":
		e.Text = fmt.Sprintf("error %d without a text", p.code)
	case e.Text == "":
		e.Text = is.Error()
	}
	if is == nil {
		return e
	}
	return &remoteError{e, is}
}

// broken makes the error of a connection that died of cause, whose own identity says
// nothing about the requests that were under way.
func broken(cause error) error { return fmt.Errorf("%w: %v", wire.ErrBroken, cause) }

// notSent makes the error of a call that definitely never left.
func notSent(cause error) error { return fmt.Errorf("%w: %w", wire.ErrNotSent, cause) }

// clip makes a text fit for the wire: valid UTF-8 of at most maxText bytes.
func clip(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "?")
}
