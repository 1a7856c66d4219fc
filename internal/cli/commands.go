package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/pkg/report"
)

func newCommands(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "commands",
		Short: "List all commands, for programs that call psc",
		Long: "List all commands. With -o json each has its flags, their defaults, its examples, and its effect: none (needs no cluster), read,\n" +
			"settings (of the user), draft (deploys with --deploy), deploy, instance, write (something else in the cluster), or delete\n" +
			"(what no rollback restores).",
		Example: "  psc commands\n  psc commands -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc := report.Commands{Flags: flagsOf(cmd.Root().PersistentFlags())}
			for _, c := range runnable(cmd.Root()) {
				doc.Items = append(doc.Items, describe(c))
			}
			return s.view.Commands(doc)
		},
	}
}

// effects are what commands do besides their answers.
func effects() map[string]report.Effect {
	all := map[string]report.Effect{}
	for effect, names := range map[report.Effect]string{
		report.EffectNone:     "commands; completion bash; completion fish; completion powershell; completion zsh; explain; help; version",
		report.EffectSettings: "login; logout; pod use",
		report.EffectRead: "app list; app show; cluster info; config list; config show; diff; disk list; disk show; events; export; get; job history; job list; job show; logs; member list; open; " +
			"pod list; pod show; registry list; revision diff; revision list; revision show; revision wait; route list; route open; route show; run list; run logs; " +
			"secret list; status; top; whoami",
		report.EffectDraft: "app create; app delete; app scale; app set; apply; config delete; config set; disk create; disk set; edit; import; job create; job delete; job set; route create; " +
			"route delete; route set; secret delete; secret set",
		report.EffectDeploy:   "app restart; app start; app stop; deploy; rollback",
		report.EffectInstance: "cp; exec; job run; port-forward; run",
		report.EffectWrite:    "cluster setup; member add; member remove; new-pod; pod adopt; pod set; registry login; registry logout; revision discard; revision keep; revision verify; run delete",
		report.EffectDelete:   "disk delete; pod delete; revision prune",
	} {
		for name := range strings.SplitSeq(names, "; ") {
			all[name] = effect
		}
	}
	return all
}

// runnable returns the commands that do something, in the order of the tree. A noun only lists the commands below it.
func runnable(cmd *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.Hidden {
			continue
		}
		if _, does := effects()[nameOf(c)]; does || !c.HasSubCommands() {
			found = append(found, c)
		}
		found = append(found, runnable(c)...)
	}
	return found
}

// nameOf returns the path of a command without the program.
func nameOf(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()+" ")
}

func describe(c *cobra.Command) report.Command {
	var examples []string
	for line := range strings.Lines(c.Example) {
		if line = strings.TrimSpace(line); line != "" {
			examples = append(examples, line)
		}
	}
	return report.Command{
		Name: nameOf(c), Usage: c.UseLine(), Short: c.Short, Long: c.Long, Aliases: c.Aliases, Effect: effects()[nameOf(c)],
		Examples: examples, Flags: flagsOf(c.LocalNonPersistentFlags()),
	}
}

func flagsOf(flags *pflag.FlagSet) []report.CommandFlag {
	var out []report.CommandFlag
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		one := report.CommandFlag{Name: f.Name, Shorthand: f.Shorthand, Value: value, Default: f.DefValue, Usage: usage, Section: sectionOf(f)}
		if _, one.Repeated = f.Value.(pflag.SliceValue); one.Repeated {
			one.Default = ""
		}
		out = append(out, one)
	})
	return out
}
