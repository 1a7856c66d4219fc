package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/report"
)

func newStatus(s *session) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the live revision, the state of its apps, and waiting drafts",
		Example: "  psc status\n  psc status --watch\n  psc status -o jsonpath={.live.state}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			if watch {
				return s.watch(cmd.Context(), w.Follow, func(ctx context.Context, live *view.Live) error {
					doc, err := w.Status(ctx)
					if err != nil {
						return err
					}
					return live.Status(doc, statusNext(doc))
				})
			}
			doc, err := w.Status(cmd.Context())
			if err != nil {
				return err
			}
			return s.view.Status(doc, statusNext(doc))
		},
	}
	watchFlag(cmd, &watch)
	return cmd
}

func statusNext(doc report.Status) view.StatusNext {
	return view.StatusNext{
		Unready: unreadySteps(doc.Unready),
		Diff:    "psc diff previews a deploy",
		Repair:  "psc diff --live shows details, psc deploy --redeploy reverts it",
	}
}

// maxSteps is how many different next steps unreadySteps returns.
const maxSteps = 5

// unreadySteps returns the next steps for resources that are not ready, each once: "app/web: psc app set web --image IMAGE --deploy".
func unreadySteps(unready []report.Resource) []string {
	var steps []string
	names := map[string][]string{}
	for _, r := range unready {
		step := alternatives(r.Next)
		switch {
		case step != "":
		case r.Log.Instance != "":
			step = "psc logs " + r.Name.Name
		default:
			continue
		}
		if names[step] == nil {
			steps = append(steps, step)
		}
		names[step] = append(names[step], r.Name.String())
	}
	for i, step := range steps {
		steps[i] = strings.Join(view.FirstNames(names[step]), ", ") + ": " + step
	}
	return steps[:min(len(steps), maxSteps)]
}
