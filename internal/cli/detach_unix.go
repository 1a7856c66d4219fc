//go:build !windows

package cli

import (
	"os"
	"os/exec"
	"syscall"
)

// detach makes a command the leader of a session of its own, which does not end with the terminal.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// endAll ends this process and all that it has started, such as a credential plugin that hangs.
func endAll() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(1)
}
