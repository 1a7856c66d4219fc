//go:build !windows

package cli

import "syscall"

// The errors of the system for a port that another program uses, and for one that psc may not use.
const busyPort, deniedPort, foreignAddress = syscall.EADDRINUSE, syscall.EACCES, syscall.EADDRNOTAVAIL
