package cli_test

import (
	"os"
	"syscall"
)

// maxRSS returns the peak memory of a process, in KiB.
func maxRSS(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss
}
