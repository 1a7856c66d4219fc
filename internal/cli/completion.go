package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/pkg/pod"
)

// completionPatience is how long a shell waits for names from the cluster. After that it gets none.
const completionPatience = 250 * time.Millisecond

// completions gives the commands of a tree the names that their arguments may have.
func (a *app) completions(root *cobra.Command) {
	static := cobra.NoFileCompletions
	names := map[string]func(context.Context) []string{
		"pod use": a.podNames, "pod show": a.podNames, "pod delete": a.podNames,
		"edit": a.allNames, "deploy": a.revisionNames, "rollback": a.revisionNames,
		"revision show": a.revisionNames, "revision diff": a.revisionNames, "revision wait": a.revisionNames,
		"revision discard": a.revisionNames, "revision verify": a.revisionNames,
	}
	for _, kind := range pod.Kinds() {
		for _, verb := range []string{"set", "show", "delete", "scale"} {
			names[kind.Word()+" "+verb] = func(ctx context.Context) []string { return a.resourceNames(ctx, kind) }
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.ValidArgsFunction == nil && c.Name() != "get" {
			c.ValidArgsFunction = static
		}
		for path, complete := range names {
			if c.CommandPath() == "psc "+path {
				c.ValidArgsFunction = a.complete(complete)
			}
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(root)
	flag := func(name string, complete cobra.CompletionFunc) {
		if err := root.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(fmt.Sprintf("cli: completion of --%s: %v", name, err))
		}
	}
	flag(config.Pod, a.complete(a.podNames))
	flag(config.Context, a.complete(func(context.Context) []string { return contexts(a.kubeconfig) }))
	flag(config.Output, cobra.FixedCompletions([]string{"json", "yaml", "name", "jsonpath=", "go-template="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// complete asks for names with little patience, and answers none when anything is wrong: a shell must not hang, and
// nobody wants an error in the middle of a line.
func (a *app) complete(names func(context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if a.settings == nil && a.configure(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		answer := make(chan []string, 1)
		go func() { answer <- names(ctx) }()
		select {
		case found := <-answer:
			return found, cobra.ShellCompDirectiveNoFileComp
		case <-ctx.Done():
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
}
