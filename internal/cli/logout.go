package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
)

func newLogout(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Sign out: forget the current context and its credentials",
		Long: "Forget the current context and pod. psc removes only the kubeconfig entries that psc login SERVER wrote, and\n" +
			"asks the server or the issuer to revoke what it issued for them. Your session in a browser stays.",
		Example: "  psc logout",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			name := s.settings.Context()
			if name == "" {
				return s.view.Nothing("You are not signed in with psc")
			}
			contexts, _ := login.Contexts(s.kubeconfig)
			if !slices.Contains(contexts, name) && !s.settings.Knows(name) {
				return fault.New(fault.Usage, "there is no context %q", name).WithHint("the contexts are: %s", strings.Join(contexts, ", "))
			}
			if login.Ours(name) {
				if err := s.signOut(cmd.Context(), name); err != nil {
					return err
				}
			}
			if err := s.settings.Forget(name); err != nil {
				return err
			}
			return s.view.Line(map[string]string{"context": name}, []string{"context/" + name}, "Signed out of %s", name)
		},
	}
}

// signOut revokes what was issued for a context that psc created, and forgets it in any case.
func (s *session) signOut(ctx context.Context, name string) error {
	if err := login.Revoke(ctx, s.kubeconfig, name); err != nil {
		s.view.Warn("the server has not revoked the token, which stays valid until it expires: %v", err)
	}
	issuer := s.credentials.SignIn(name).Issuer
	if err := s.credentials.Revoke(ctx, name); err != nil {
		s.view.Warn("%s has not revoked the sign-in, which stays valid until it expires there: %v", issuer, err)
	}
	if issuer != "" {
		s.say("If you used a browser, it stays signed in at %s", issuer)
	}
	return errors.Join(s.credentials.Remove(name), s.kubeconfigFiles().Remove(name))
}

func newWhoami(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Show the user that you are signed in as, and the current pod",
		Example: "  psc whoami\n  psc whoami -o jsonpath={.user}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			doc, err := cluster.User(cmd.Context())
			if err != nil {
				return err
			}
			doc.Pod = s.settings.Pod(cluster.Context)
			return s.view.User(doc)
		},
	}
}
