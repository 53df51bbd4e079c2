//go:build !unix

package storetest

import "os/exec"

// become is never needed: only root has to become somebody else.
func become(*exec.Cmd, uint32, uint32) {}
