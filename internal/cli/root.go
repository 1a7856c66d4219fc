package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
)

// Groups of commands, in the order of the help.
const (
	groupStart     = "start"
	groupResources = "resources"
	groupRevisions = "revisions"
	groupLook      = "look"
	groupCluster   = "cluster"
	groupHelp      = "help"
)

// namespaceFlag is the name of the flag that has -n, which means the same as --pod.
const namespaceFlag = "namespace"

// Command returns the command tree, from which docs and completions are generated.
func Command(env Env) *cobra.Command { return newRoot(&session{Env: env}) }

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "psc COMMAND",
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
	if s.Plugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl psc"}
	}
	root.SetIn(s.In) // before strict, which gives the streams to cobra's own commands
	root.SetOut(view.Screen(s.Out))
	root.SetErr(view.Screen(s.Err))
	root.SetVersionTemplate("psc {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Get started:"},
		&cobra.Group{ID: groupResources, Title: "Resources:"},
		&cobra.Group{ID: groupRevisions, Title: "Revisions:"},
		&cobra.Group{ID: groupLook, Title: "Look and act:"},
		&cobra.Group{ID: groupCluster, Title: "Kubernetes:"},
		&cobra.Group{ID: groupHelp, Title: "Help:"},
	)
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringP(config.Pod, "p", "", "`POD` to work in (PSC_POD)")
	flags.String(config.Context, "", "`CONTEXT` of the kubeconfig (PSC_CONTEXT)")
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` (KUBECONFIG)")
	flags.StringP(config.Output, "o", "", "output `FORMAT`: "+strings.Join(view.Formats(), ", "))
	flags.VarP(flags.Lookup(config.Pod).Value, namespaceFlag, "n", "`POD` to work in, as for kubectl")
	flags.Lookup(namespaceFlag).Hidden = true
	flags.BoolVarP(&s.yes, "yes", "y", false, "answer yes to questions")
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "print only the result")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "print each API request")
	flags.BoolP("help", "h", false, "print the help of a command")
	root.Flags().Bool("version", false, "print the version")
	root.Flags().SortFlags = false
	root.SetFlagErrorFunc(wrongFlags)
	root.SetGlobalNormalizationFunc(normalizeFlag)
	group(root, groupStart, newLogin(s), newLogout(s), newWhoami(s), newNewPod(s), newPod(s), newMember(s))
	group(root, groupResources, newApp(s), newRoute(s), newConfig(s), newSecret(s), newDisk(s), newJob(s), newApply(s), newImport(s), newEdit(s), newExport(s), newRegistry(s))
	group(root, groupRevisions, newDiff(s), newDeploy(s), newRollback(s), newStatus(s), newRevision(s))
	group(root, groupLook, newLogs(s), newExec(s), newCp(s), newRun(s), newPortForward(s), newTop(s), newEvents(s), newOpen(s, ""))
	group(root, groupCluster, newGet(s), newCluster(s))
	group(root, groupHelp, newExplain(s), newCommands(s), newVersion(s))
	root.ValidArgsFunction = s.aliasNames
	root.AddCommand(newNames(s), newCredential(s))
	root.SetHelpCommandGroupID(groupHelp)
	root.SetCompletionCommandGroupID(groupHelp)
	strict(root)
	usage(root)
	root.SetHelpFunc(s.writeHelp)
	noFiles(root)
	return root
}

// usage adds the exit code for wrong usage to every error about arguments.
func usage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			return notEmpty(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		usage(c)
	}
}

// notEmpty refuses empty arguments before --: an unset variable of a script names nothing, and does not mean everything.
func notEmpty(cmd *cobra.Command, args []string) error {
	if end := cmd.ArgsLenAtDash(); end >= 0 {
		args = args[:end]
	}
	if at := slices.Index(args, ""); at >= 0 {
		return fault.New(fault.Usage, "argument %d is empty", at+1).WithHint("%s", cmd.UseLine())
	}
	return nil
}

// wrongFlags adds the exit code for wrong usage to an error of cobra or pflag about flags. The flags of a command that does not
// exist are not what is wrong.
func wrongFlags(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 && cmd.ValidateArgs(args) != nil {
			return noSuchCommand(cmd, args)
		}
		if instead := unknownFlag(cmd, missing); instead != "" {
			return fault.New(fault.Usage, "%w", err).WithHint("%s", instead)
		}
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = fmt.Errorf("--%s %q is not %s", invalid.GetFlag().Name, invalid.GetValue(), valueWords(invalid.GetFlag().Value.Type()))
	}
	return fault.New(fault.Usage, "%w", err).WithHint("%s --help", cmd.CommandPath())
}

// valueWords describes the values of a flag of a type.
func valueWords(kind string) string {
	switch kind {
	case "bool", "boolfunc":
		return "true or false"
	case "duration":
		return "a time such as 90s or 10m"
	case "int", "intSlice":
		return "a whole number"
	}
	return "a valid value"
}

func group(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// strict makes cobra's own commands refuse unknown arguments instead of printing help, and gives them psc's words.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("")
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Use, c.Short = "completion SHELL", "Print the script that completes commands and names in your shell"
			c.Long = c.Short + ": commands, flags, and the names of your pods, apps, revisions and other resources."
			c.Args, c.RunE = noSuchCommand, showHelp
			for _, shell := range c.Commands() {
				completionWords(shell)
			}
		case "help":
			c.Use, c.Short, c.Long = "help [COMMAND]", "Print the help of a command", ""
			c.Example = "  psc help app create"
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

// completionWords gives the command that prints the script of a shell its words.
func completionWords(c *cobra.Command) {
	c.Short, c.Long = "Print the completion script for "+c.Name(), ""
	switch c.Name() {
	case "bash":
		c.Long = c.Short + ". It needs the package bash-completion, which reads the file of the second example in every new shell."
		c.Example = "  source <(psc completion bash)          for the current shell\n" +
			"  mkdir -p ~/.local/share/bash-completion/completions\n" +
			"  psc completion bash > ~/.local/share/bash-completion/completions/psc"
	case "zsh":
		c.Long = c.Short + ". The folder of the second example has to be in fpath before compinit is called, in ~/.zshrc: " +
			"fpath=(~/.zfunc $fpath); autoload -U compinit; compinit"
		c.Example = "  source <(psc completion zsh)           for the current shell\n" +
			"  mkdir -p ~/.zfunc && psc completion zsh > ~/.zfunc/_psc"
	case "fish":
		c.Example = "  psc completion fish | source           for the current shell\n" +
			"  mkdir -p ~/.config/fish/completions\n" +
			"  psc completion fish > ~/.config/fish/completions/psc.fish"
	case "powershell":
		c.Example = "  psc completion powershell | Out-String | Invoke-Expression"
	}
}
