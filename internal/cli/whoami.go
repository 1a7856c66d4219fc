package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// whoamiDocument is the answer of whoami for scripts.
type whoamiDocument struct {
	User    string   `json:"user"`
	Groups  []string `json:"groups,omitempty"`
	Context string   `json:"context"`
	Server  string   `json:"server"`
	Pod     string   `json:"pod,omitempty"`
}

func newWhoami(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Show who the cluster says you are, and the current pod",
		Example: "  psc whoami\n  psc whoami -o jsonpath={.user}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			user, err := client.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			doc := whoamiDocument{
				User: user.Name, Groups: user.Groups, Context: client.Context, Server: client.Server,
				Pod: a.settings.Pod(client.Context),
			}
			return a.view.Answer(doc, []string{"user/" + user.Name}, func(out io.Writer) {
				fmt.Fprintln(out, user.Name)
				a.view.Facts(out, [2]string{"context", doc.Context}, [2]string{"server", doc.Server}, [2]string{"pod", doc.Pod})
			})
		},
	}
}
