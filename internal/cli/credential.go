package cli

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
)

// newCredential returns the hidden command that the kubeconfig runs for the token of a sign-in:
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
func newCredential(s *session) *cobra.Command {
	return &cobra.Command{
		Use:    "credential ENTRY",
		Short:  "Print the token of a sign-in, for kubectl",
		Long:   "The kubeconfig names this command for a sign-in that psc renews. It opens no browser and asks nothing.",
		Hidden: true,
		Args:   exactly("ENTRY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			token, until, err := s.credentials.Token(cmd.Context(), args[0], "")
			if e := fault.Of(err); err != nil && e.Code == fault.Denied { // kubectl shows it above its own error
				return fault.New(fault.Denied, "sign in again: %s", e.Hint)
			}
			if err != nil {
				return err
			}
			doc := map[string]any{
				"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": map[string]any{"interactive": false},
				"status": map[string]any{"token": token, "expirationTimestamp": until.UTC().Format(time.RFC3339)},
			}
			return json.NewEncoder(s.Out).Encode(doc)
		},
	}
}
