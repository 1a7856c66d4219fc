package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
)

// Groups of commands, in the order of the help.
const (
	groupStart     = "start"
	groupResources = "resources"
	groupRevisions = "revisions"
	groupCluster   = "cluster"
	groupHelp      = "help"
)

// Command returns the command tree, from which docs and completions are generated.
func Command(env Env) *cobra.Command { return newRoot(&session{Env: env}) }

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "psc",
		Short: "Run apps on Kubernetes, with a history to roll back to",
		Long: "psc turns a Kubernetes cluster into a platform for developers. You say what runs (apps) and\n" +
			"how to reach it (routes). Every change is a numbered revision: compare it, deploy it, restore it.",
		Example: "  psc login --context staging      use a cluster of your kubeconfig\n" +
			"  psc new-pod shop                 create a workspace\n" +
			"  psc app create web --image ghcr.io/acme/web:1.4 --port 8080\n" +
			"  psc route create web --to web\n" +
			"  psc deploy",
		Version:           s.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.configure(cmd) },
		Args:              noSuchCommand,
		RunE:              showHelp,
	}
	root.SetIn(s.In) // before strict, which gives the streams to cobra's own commands
	root.SetOut(view.Screen(s.Out))
	root.SetErr(view.Screen(s.Err))
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("psc {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Get started:"},
		&cobra.Group{ID: groupResources, Title: "Resources:"},
		&cobra.Group{ID: groupRevisions, Title: "Revisions:"},
		&cobra.Group{ID: groupCluster, Title: "Kubernetes:"},
		&cobra.Group{ID: groupHelp, Title: "Help:"},
	)
	flags := root.PersistentFlags()
	flags.StringP(config.Pod, "p", "", "`POD` to work in (PSC_POD)")
	flags.String(config.Context, "", "`CONTEXT` of the kubeconfig (PSC_CONTEXT)")
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` (KUBECONFIG)")
	flags.StringP(config.Output, "o", "", "output `FORMAT`: "+strings.Join(view.Formats(), ", "))
	flags.BoolVarP(&s.yes, "yes", "y", false, "answer yes to questions")
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "print only the result")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "print each API request")
	root.SetFlagErrorFunc(wrongFlags)
	group(root, groupStart, newLogin(s), newLogout(s), newWhoami(s), newNewPod(s), newPod(s))
	group(root, groupResources, newApp(s), newRoute(s), newConfig(s), newSecret(s), newDisk(s), newApply(s), newEdit(s), newExport(s), newRegistry(s))
	group(root, groupRevisions, newDiff(s), newDeploy(s), newRollback(s), newStatus(s), newRevision(s))
	group(root, groupCluster, newGet(s))
	group(root, groupHelp, newExplain(s), newVersion(s))
	root.SetHelpCommandGroupID(groupHelp)
	root.SetCompletionCommandGroupID(groupHelp)
	strict(root)
	usage(root)
	root.SetUsageTemplate(usageTemplate)
	noFiles(root)
	s.completeFlags(root)
	return root
}

// usage adds the exit code for wrong usage to every error about arguments.
func usage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return fault.Wrap(fault.Usage, check(cmd, args)) }
	}
	for _, c := range cmd.Commands() {
		usage(c)
	}
}

// wrongFlags adds the exit code for wrong usage to an error of cobra or pflag about flags.
func wrongFlags(cmd *cobra.Command, err error) error {
	return fault.New(fault.Usage, "%w", err).WithHint("%s --help", cmd.CommandPath())
}

func group(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// strict makes cobra's own commands refuse unknown arguments instead of printing help.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("")
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = noSuchCommand, showHelp
		case "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return noSuchCommand(found, rest)
				}
				return found.Help()
			}
		}
	}
}

// usageTemplate is that of cobra without aliases and without the global flags, which psc --help lists.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{$cmds := .Commands}}{{if .HasAvailableSubCommands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if and .HasAvailableLocalFlags .HasParent}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}

{{if .HasParent}}Flags that every command takes: psc --help{{else}}Flags of every command:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
