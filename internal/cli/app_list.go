package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
)

func newAppList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the apps that run, and those in drafts",
		Example: "  psc app list\n  psc app list -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			apps, _, err := a.resources(cmd.Context(), w)
			if err != nil {
				return err
			}
			names := make([]string, 0, len(apps))
			for _, app := range apps {
				names = append(names, "app/"+app.Name)
			}
			return a.view.Answer(list[appStatus]{apps}, names, func(out io.Writer) {
				if len(apps) == 0 {
					a.view.Say("Pod %s has no apps. Make one with: psc app create NAME --image IMAGE", w.pod)
					return
				}
				a.appTable(out, apps)
			})
		},
	}
}

// list is how lists are answered to scripts.
type list[T any] struct {
	Items []T `json:"items"`
}

func (a *app) appTable(out io.Writer, apps []appStatus) {
	rows := make([][]string, 0, len(apps))
	for _, app := range apps {
		rows = append(rows, []string{
			app.Name, view.HealthState(app.State), fmt.Sprintf("%d/%d", app.Instances.Ready, app.Instances.Desired),
			pod.ShortImage(app.Image), strings.Join(app.URLs, " "), app.Reason,
		})
	}
	a.view.Table(out, []string{"APP", "STATE", "INSTANCES", "IMAGE", "URL", "REASON"}, rows)
}
