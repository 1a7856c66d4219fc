//go:build !windows

package cli

import "syscall"

// The errors of the system for a port that another program uses, for one that psc may not use, and for an address of another machine.
const busyPort, deniedPort, foreignAddress = syscall.EADDRINUSE, syscall.EACCES, syscall.EADDRNOTAVAIL
