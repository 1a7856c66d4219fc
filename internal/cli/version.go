package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/report"
)

func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(),
		RunE: func(_ *cobra.Command, _ []string) error {
			doc := report.Version{Version: s.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			return s.view.Line(doc, []string{doc.Ref()}, "psc %s (%s, %s)", doc.Version, doc.Go, doc.Platform)
		},
	}
}
