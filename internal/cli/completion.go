package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/pkg/pod"
)

// completionTimeout is how long a shell waits for names from the cluster. After that it gets none.
const completionTimeout = 250 * time.Millisecond

// noFiles keeps shells from offering files as arguments. Flags without values of their own still get files: apply -f.
func noFiles(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		noFiles(c)
	}
}

// completeFlags registers the values of the global flags.
func (s *session) completeFlags(root *cobra.Command) {
	flag := func(name string, complete cobra.CompletionFunc) {
		if err := root.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(fmt.Sprintf("cli: completion of --%s: %v", name, err))
		}
	}
	flag(config.Pod, s.complete(s.podNames))
	flag(config.Context, s.complete(func(context.Context) []string {
		names, _ := login.Contexts(s.kubeconfig)
		return names
	}))
	flag(config.Output, cobra.FixedCompletions([]string{"json", "yaml", "name", "jsonpath=", "go-template="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// complete asks for names with a short timeout, and returns none after an error: a shell must not hang, and must not show an
// error in the middle of a line.
func (s *session) complete(names func(context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if s.settings == nil && s.configure(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
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

func (s *session) podNames(ctx context.Context) []string {
	cluster, err := s.connect()
	if err != nil {
		return nil
	}
	pods, err := cluster.Pods(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(pods))
	for _, p := range pods {
		names = append(names, p.Name)
	}
	return names
}

// resourceNames returns a function that lists the resources of a kind in the newest revision.
func (s *session) resourceNames(kind pod.Kind) func(context.Context) []string {
	return func(ctx context.Context) []string {
		var names []string
		for _, ref := range s.refs(ctx) {
			if ref.Kind == kind {
				names = append(names, ref.Name)
			}
		}
		return names
	}
}

// refNames lists the resources of the newest revision: "app/web".
func (s *session) refNames(ctx context.Context) []string {
	var names []string
	for _, ref := range s.refs(ctx) {
		names = append(names, ref.String())
	}
	return names
}

func (s *session) refs(ctx context.Context) []pod.Ref {
	w, err := s.open()
	if err != nil {
		return nil
	}
	refs, err := w.Refs(ctx)
	if err != nil {
		return nil
	}
	return refs
}

func (s *session) revisionNames(ctx context.Context) []string {
	w, err := s.open()
	if err != nil {
		return nil
	}
	all, err := w.Revisions(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, fmt.Sprintf("%d\t%s %s", r.Number, r.State, r.Title()))
	}
	return names
}
