package pod

import (
	"fmt"
	"slices"
	"strings"
)

// Capabilities returns the names of the Linux capabilities, as Kubernetes spells them. ALL stands for all of them:
// https://man7.org/linux/man-pages/man7/capabilities.7.html
func Capabilities() []string {
	return []string{
		"ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE",
		"DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
		"MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
		"SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
	}
}

func (p *problems) capabilities(path string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%s]", path, name)
		switch {
		case slices.Contains(names[:i], name):
			p.add(at, "is listed twice")
		case !slices.Contains(Capabilities(), name):
			meant := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
			p.missingIn(at, Ref{}, "is not a Linux capability such as NET_ADMIN", meant, Capabilities())
		}
	}
}
