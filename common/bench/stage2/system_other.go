//go:build !unix

package stage2

import "time"

// childCPU returns 0: it is not known here.
func childCPU() time.Duration { return 0 }
