package cli

import (
	"os"
	"os/exec"
	"syscall"
)

// detachedProcess is DETACHED_PROCESS of the Windows API: a process without a console.
const detachedProcess = 0x8

// detach makes a command independent of the console.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detachedProcess} }

// endAll ends this process.
func endAll() { os.Exit(1) }
