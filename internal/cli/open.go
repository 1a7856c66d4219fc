package cli

import (
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// newOpen returns the command that opens a route. parent is the command that it belongs to.
func newOpen(s *session, parent string) *cobra.Command {
	return &cobra.Command{
		Use:   "open [ROUTE]",
		Short: "Open a route in the browser, or print its URL",
		Long: "Print the URL of a route, by default of the only one, and open it in the browser. Without a terminal\n" +
			"or a browser, psc only prints it.",
		Example:           "  psc " + parent + "open\n  psc " + parent + "open web\n  psc " + parent + "open web -o jsonpath={.urls[0]}",
		Args:              between(0, "ROUTE"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindRoute)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			_, routes, err := w.Resources(cmd.Context())
			if err != nil {
				return err
			}
			route, err := chooseRoute(routes, args)
			if err != nil {
				return err
			}
			return s.openURL(route)
		},
	}
}

// chooseRoute returns the named route, or without a name the only one that is deployed.
func chooseRoute(routes []report.Route, args []string) (report.Route, error) {
	if len(args) > 0 {
		i := slices.IndexFunc(routes, func(r report.Route) bool { return r.Name == args[0] })
		if i < 0 {
			names := make([]string, len(routes))
			for i, r := range routes {
				names[i] = r.Name
			}
			return report.Route{}, &pod.RefError{Ref: pod.Ref{Kind: pod.KindRoute, Name: args[0]}, Err: pod.ErrNotFound, Nearest: pod.Nearest(args[0], names)}
		}
		if routes[i].State == report.Draft {
			return report.Route{}, fault.New(fault.Failed, "route %s is a draft: it is not deployed yet", args[0]).WithHint("psc deploy")
		}
		return routes[i], nil
	}
	live := slices.DeleteFunc(slices.Clone(routes), func(r report.Route) bool { return r.State == report.Draft })
	switch {
	case len(live) == 1:
		return live[0], nil
	case len(live) > 1:
		return report.Route{}, fault.New(fault.Usage, "ROUTE is missing: the pod has %s", pod.Count(len(live), "route")).WithHint("psc route list")
	case len(routes) > 0:
		return report.Route{}, fault.New(fault.Failed, "no route is deployed yet").WithHint("psc deploy")
	}
	return report.Route{}, fault.New(fault.Failed, "the pod has no routes").WithHint("psc route create NAME --to APP --deploy")
}

// openURL prints the URL of a route, and opens it if there is somebody who sees the browser.
func (s *session) openURL(route report.Route) error {
	switch {
	case len(route.URLs) == 0 && route.Reason == "":
		return fault.New(fault.Failed, "route %s has no URL: it has no host without a wildcard", route.Name).WithHint("psc route show %s", route.Name)
	case len(route.URLs) == 0:
		return fault.New(fault.Failed, "route %s has no URL: %s", route.Name, route.Reason).WithHint("psc status")
	}
	url := route.URLs[0]
	if rooted := slices.ContainsFunc(route.Rules, func(r pod.Rule) bool { return r.Path == "/" }); !rooted && len(route.Rules) > 0 {
		url += route.Rules[0].Path
	}
	if route.Reason != "" {
		s.view.Warn("route %s: %s", route.Name, route.Reason)
	}
	err := s.view.URL(route, url)
	if err != nil || s.view.Document() || !s.interactive() || !s.view.Seen || !hasDisplay() {
		return err
	}
	s.browse(url)
	return nil
}

// browse opens a page in the browser, or warns.
func (s *session) browse(url string) {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	if err := browser.OpenURL(url); err != nil {
		s.view.Warn("no browser could be opened: %v", err)
	}
}

// hasDisplay reports whether a browser has a screen to open on. In a plain terminal some systems would start one that takes it over.
func hasDisplay() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	return slices.ContainsFunc([]string{"DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"}, func(name string) bool { return os.Getenv(name) != "" })
}
