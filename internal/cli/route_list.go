package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
)

func newRouteList(a *app) *cobra.Command {
	return lister(a, &cobra.Command{
		Short:   "List the routes, and those in drafts",
		Example: "  psc route list\n  psc route list -o json",
	}, "has no routes. Make one with: psc route create NAME --to APP",
		func(ctx context.Context, w *workspace) ([]routeStatus, error) {
			_, routes, err := a.resources(ctx, w)
			return routes, err
		},
		func(s routeStatus) string { return "route/" + s.Name }, a.routeTable)
}

func (a *app) routeTable(out io.Writer, routes []routeStatus) {
	rows := make([][]string, 0, len(routes))
	for _, r := range routes {
		rows = append(rows, []string{r.Name, view.HealthState(r.State), strings.Join(r.URLs, " "), r.route.Describe(), r.Reason})
	}
	a.view.Table(out, []string{"ROUTE", "STATE", "URL", "TO", "REASON"}, rows)
}
