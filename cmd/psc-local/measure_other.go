//go:build !linux

package main

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// memoryOf returns a process's resident memory in bytes.
func memoryOf(pid int) int64 {
	out, _ := exec.CommandContext(context.Background(), "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	kib, _ := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kib << 10
}
