//go:build !failpoint

// Package failpoint names the steps of the path at which the crash tests kill
// the process. In the product every call is empty; with the build tag
// "failpoint" the step named in the environment kills it (see on.go).
//
// It must not be used for anything but tests of crashes and faults.
package failpoint

// Hit marks a step.
func Hit(string) {}

// Naive reports whether the runner is to behave as the deliberately naive
// variant that the crash test must catch. The product never is.
func Naive() bool { return false }

// Fault reports whether the text is to make the scanner fail.
func Fault(string) bool { return false }
