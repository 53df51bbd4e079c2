//go:build linux || darwin

package cli

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this account may still write below a folder.
func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
