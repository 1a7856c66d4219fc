package cli

import "golang.org/x/sys/windows"

// The errors of the system for a port that another program uses, and for one that psc may not use. Those of the package syscall
// are invented.
const busyPort, deniedPort, foreignAddress = windows.WSAEADDRINUSE, windows.WSAEACCES, windows.WSAEADDRNOTAVAIL
