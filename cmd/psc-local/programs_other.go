//go:build !linux

package main

// nodePrograms is empty: a real node needs Linux.
func nodePrograms() map[string]func() int { return nil }
