package cli

import (
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
)

// unalias replaces the first word of a command line if it is an alias of the settings file. A command has priority over an alias of
// its name, and an alias stands for no other alias. What cannot be read is left to the command, which reports it.
func unalias(root *cobra.Command, args []string) ([]string, error) {
	at := 0
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		at = 1
		if len(args) <= 2 { // the shell is completing the first word itself
			return args, nil
		}
	}
	at += firstWord(root, args[at:])
	if at >= len(args) || slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == args[at] || c.HasAlias(args[at]) }) {
		return args, nil
	}
	settings, err := config.Load(root.PersistentFlags())
	if err != nil {
		return args, nil //nolint:nilerr // the command reports it
	}
	line := settings.Alias(args[at])
	if line == "" {
		return args, nil
	}
	words, err := shellwords.Parse(line)
	if err != nil || len(words) == 0 {
		return nil, fault.New(fault.Usage, "alias %s of the settings file: %q cannot be split into words", args[at], line)
	}
	return slices.Concat(args[:at], words, args[at+1:]), nil
}

// aliasNames completes the aliases of the settings file as commands.
func (s *session) aliasNames(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if !s.ready(cmd) {
		return nil, inOrder
	}
	return beginning(typed, s.settings.Aliases()), cobra.ShellCompDirectiveNoFileComp
}

// firstWord returns the index of the first argument that is neither a flag of every command nor its value.
func firstWord(root *cobra.Command, args []string) int {
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		if !isFlag || name == "" {
			return i
		}
		flag := root.PersistentFlags().ShorthandLookup(name[:1])
		if long, isLong := strings.CutPrefix(name, "-"); isLong {
			flag = root.PersistentFlags().Lookup(long) // none for --pod=shop, which has its value
		} else if len(name) > 1 { // -pshop
			flag = nil
		}
		if flag != nil && flag.NoOptDefVal == "" {
			i++
		}
	}
	return len(args)
}
