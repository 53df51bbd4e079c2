//go:build unix

package cli

import (
	"os/signal"
	"syscall"
)

// ignoreFileLimit makes a file that may not grow an error to be told and
// recovered from, rather than the end of the process.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }
