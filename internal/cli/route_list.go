package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
)

func newRouteList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the routes, and those in drafts",
		Example: "  psc route list\n  psc route list -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			_, routes, err := a.resources(cmd.Context(), w)
			if err != nil {
				return err
			}
			names := make([]string, 0, len(routes))
			for _, r := range routes {
				names = append(names, "route/"+r.Name)
			}
			return a.view.Answer(list[routeStatus]{routes}, names, func(out io.Writer) {
				if len(routes) == 0 {
					a.view.Say("Pod %s has no routes. Make one with: psc route create NAME --to APP", w.pod)
					return
				}
				a.routeTable(out, routes)
			})
		},
	}
}

func (a *app) routeTable(out io.Writer, routes []routeStatus) {
	rows := make([][]string, 0, len(routes))
	for _, r := range routes {
		rows = append(rows, []string{r.Name, view.HealthState(r.State), strings.Join(r.URLs, " "), r.route.Describe(), r.Reason})
	}
	a.view.Table(out, []string{"ROUTE", "STATE", "URL", "TO", "REASON"}, rows)
}
