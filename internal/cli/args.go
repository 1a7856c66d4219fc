package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
)

// noun returns a command that only has subcommands.
func noun(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use + " COMMAND", Short: short, Args: noSuchCommand, RunE: showHelp}
	c.AddCommand(commands...)
	return c
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// exactly is cobra.ExactArgs with an error that names the missing arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return between(len(names), names...)
}

// atLeast accepts the named arguments, and any number of the last one.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return exactly(names...)(cmd, args[:min(len(args), len(names))])
	}
}

// between accepts at least least arguments and at most one for each name.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			verb := "is"
			if least-len(args) > 1 {
				verb = "are"
			}
			return fault.New(fault.Usage, "%s %s missing", strings.Join(names[len(args):least], " and "), verb).
				WithHint("%s", cmd.UseLine())
		case len(args) > len(names):
			return fault.New(fault.Usage, "unexpected argument %q", args[len(names)]).WithHint("%s", cmd.UseLine())
		}
		return nil
	}
}
