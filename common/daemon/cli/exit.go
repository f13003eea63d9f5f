package cli

import (
	"errors"
	"fmt"

	"dss.example/common/kv"
)

// The exit codes of every program.
const (
	Done     = 0
	NotDone  = 1 // definitely not done, or there is no such key
	BadUsage = 2 // nothing was tried
	Unknown  = 3 // it may have been done, or be done yet
)

// ErrUsage marks an error as the caller's: a bad flag or argument.
var ErrUsage = errors.New("usage")

// Exit is an error of a command that has already said everything itself: it ends
// with this code, and nothing is printed.
type Exit int

// Error names the code.
func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

type usageError string

func (e usageError) Error() string        { return string(e) }
func (e usageError) Is(target error) bool { return target == ErrUsage }

// Usagef returns an error that ends the program with BadUsage. The text should
// name what would be right: "bad value %q for -peers: want …".
func Usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// Code returns the exit code for what a command returned: Done for nil, the code
// of an Exit, BadUsage for ErrUsage, Unknown for kv.ErrMaybe, else NotDone.
func Code(err error) int {
	var exit Exit
	switch {
	case err == nil:
		return Done
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, ErrUsage):
		return BadUsage
	case errors.Is(err, kv.ErrMaybe):
		return Unknown
	}
	return NotDone
}
