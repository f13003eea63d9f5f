package call

import (
	"fmt"

	"dss.example/common/wire"
)

// failure is the response that tells of an error of this package's own: it has the
// error's code and text. Request 0 makes it a notice.
func failure(seq uint64, err error) response {
	return response{seq: seq, code: wire.CodeOf(err), text: err.Error()}
}

// broken makes the error of a connection that died of cause, whose own identity says
// nothing about the requests that were under way.
func broken(cause error) error { return fmt.Errorf("%w: %v", wire.ErrBroken, cause) }

// notSent makes the error of a call that definitely never left.
func notSent(cause error) error { return fmt.Errorf("%w: %w", wire.ErrNotSent, cause) }
