//go:build !hyperscan || !cgo

package main

import "chaperone/internal/detect"

// hyperscan says that it is left out.
func hyperscan([]string, *detect.Patterns) (*engine, string) {
	return nil, "Hyperscan is left out: its library (libhyperscan-dev) or cgo is not there."
}
