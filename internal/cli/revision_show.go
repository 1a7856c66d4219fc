package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// revisionDocument is a revision with its resources, for scripts.
type revisionDocument struct {
	revision.Revision
	Resources []pod.File `json:"resources"`
}

func newRevisionShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show [REVISION]",
		Short:   "Show one revision: who, when, why, and its resources",
		Long:    "Show the revision that is named, or else the live one.",
		Example: "  psc revision show\n  psc revision show 12 -o yaml",
		Args:    between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, h, err := a.openHistory(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), w, &h); err != nil {
				return err
			}
			number := h.Live
			if len(args) > 0 || number == 0 {
				if number, err = parseRevision(append(args, fmt.Sprint(h.Tip()))[0]); err != nil {
					return err
				}
			}
			r, err := w.revision(cmd.Context(), number)
			if err != nil {
				return err
			}
			r.Live = r.Number == h.Live
			if r.Spec, err = w.store.Fill(cmd.Context(), r.Spec); err != nil {
				return err
			}
			stream, err := encodeAll(r.Spec)
			if err != nil {
				return err
			}
			doc := revisionDocument{Revision: r, Resources: pod.Files(r.Spec)}
			return a.view.Answer(doc, revisionRefs(r), func(out io.Writer) {
				a.view.Revision(out, r)
				fmt.Fprint(out, stream)
			})
		},
	}
}
