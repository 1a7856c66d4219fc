package cli

import "golang.org/x/sys/windows"

// The errors of the system for a port that another program uses, for one that psc may not use, and for an address of another machine.
// Those of the package syscall are invented.
const busyPort, deniedPort, foreignAddress = windows.WSAEADDRINUSE, windows.WSAEACCES, windows.WSAEADDRNOTAVAIL
