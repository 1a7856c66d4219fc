package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
)

func newAppList(a *app) *cobra.Command {
	return lister(a, &cobra.Command{
		Short:   "List the apps that run, and those in drafts",
		Example: "  psc app list\n  psc app list -o json",
	}, "has no apps. Make one with: psc app create NAME --image IMAGE",
		func(ctx context.Context, w *workspace) ([]appStatus, error) {
			apps, _, err := a.resources(ctx, w)
			return apps, err
		},
		func(s appStatus) string { return "app/" + s.Name }, a.appTable)
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
