package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

// versionDocument is the answer of version for scripts.
type versionDocument struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(),
		RunE: func(_ *cobra.Command, _ []string) error {
			doc := versionDocument{Version: a.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			return a.view.Answer(doc, []string{"version/" + a.Version}, func(out io.Writer) {
				fmt.Fprintf(out, "psc %s (%s, %s)\n", doc.Version, doc.Go, doc.Platform)
			})
		},
	}
}
