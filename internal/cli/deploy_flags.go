package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
)

// deployFlags are the flags of every command that deploys.
type deployFlags struct {
	timeout, lockWait         time.Duration
	noWait, rollbackOnFailure bool
	supersede                 bool
	message                   string
}

func (f *deployFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.timeout, "timeout", defaultTimeout, "`TIME` that it may take to become ready")
	flags.DurationVar(&f.lockWait, "lock-wait", defaultTimeout, "`TIME` to wait while someone else deploys")
	flags.BoolVar(&f.supersede, "supersede", false, "have an older revision that is being deployed give way")
	flags.BoolVar(&f.noWait, "no-wait", false, "return when everything is written")
	flags.BoolVar(&f.rollbackOnFailure, "rollback-on-failure", false, "go back to the last revision that was ready when it fails")
}

func (f *deployFlags) check() error {
	switch {
	case f.timeout <= 0:
		return fault.New(fault.Usage, "--timeout must be more than 0, is %s", f.timeout)
	case f.lockWait < 0:
		return fault.New(fault.Usage, "--lock-wait must be 0 or more, is %s", f.lockWait)
	}
	return nil
}
