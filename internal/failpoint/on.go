//go:build failpoint

// Package failpoint, in the build for crash tests.
//
//	CHAPERONE_FAILPOINT=act.called:3   SIGKILL at the third passing of act.called
//	CHAPERONE_NAIVE=1                  the runner sends again without looking
//	CHAPERONE_FAULT=text               scanning a message that holds the text fails
package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name, after, _ = strings.Cut(os.Getenv("CHAPERONE_FAILPOINT"), ":")
	wanted, _      = strconv.ParseInt(after, 10, 64)
	passed         atomic.Int64
)

// Hit kills the process when the step is the named one and has been passed
// often enough.
func Hit(step string) {
	if step == name && passed.Add(1) >= max(wanted, 1) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal arrives in a moment; nothing may happen before it
	}
}

// Naive reports whether the runner is to send again without looking.
func Naive() bool { return os.Getenv("CHAPERONE_NAIVE") != "" }

// Fault reports whether the text is to make the scanner fail.
func Fault(text string) bool {
	f := os.Getenv("CHAPERONE_FAULT")
	return f != "" && strings.Contains(text, f)
}
