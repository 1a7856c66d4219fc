package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// verifyDocument is what is wrong with one revision, for scripts.
type verifyDocument struct {
	Number  int    `json:"number"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

func newRevisionVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "verify [REVISION]",
		Short:   "Find records, files and secret values that are damaged or missing",
		Long:    "Read the revision that is named, or else all, with everything that they refer to. It exits with 1 when something\nis damaged or missing.",
		Example: "  psc revision verify\n  psc revision verify 7",
		Args:    between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, h, err := a.openHistory(cmd.Context())
			if err != nil {
				return err
			}
			all := h.All
			if len(args) > 0 {
				number, err := parseRevision(args[0])
				if err != nil {
					return err
				}
				r, ok := h.Find(number)
				if !ok {
					_, err := w.revision(cmd.Context(), number)
					return err
				}
				all = []revision.Revision{r}
			}
			wrong, err := w.verify(cmd.Context(), all)
			if err != nil {
				return err
			}
			if err := a.view.Answer(list[verifyDocument]{wrong}, nil, func(out io.Writer) {
				for _, v := range wrong {
					fmt.Fprintf(out, "r%d: %s %s\n", v.Number, v.Path, v.Message)
				}
				if len(wrong) == 0 {
					fmt.Fprintf(out, "%s: everything is there\n", count(len(all), "revision"))
				}
			}); err != nil || len(wrong) == 0 {
				return err
			}
			return &fault.Error{Code: fault.Failed, Err: errors.New("something is damaged or missing"), Silent: true}
		},
	}
}

// verify is what is wrong with any of some revisions.
func (w *workspace) verify(ctx context.Context, all []revision.Revision) ([]verifyDocument, error) {
	found := make([][]verifyDocument, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, r := range all {
		group.Go(func() (err error) {
			found[i], err = w.verifyOne(ctx, r.Number)
			return err
		})
	}
	err := group.Wait()
	return append([]verifyDocument{}, slices.Concat(found...)...), err
}

func (w *workspace) verifyOne(ctx context.Context, number int) ([]verifyDocument, error) {
	r, err := w.store.Get(ctx, number)
	if err == nil {
		err = w.store.Verify(ctx, r.Spec)
	}
	var problems pod.Problems
	switch {
	case errors.Is(err, store.ErrDamaged): // may wrap problems of its own
		return []verifyDocument{{Number: number, Message: err.Error()}}, nil
	case errors.As(err, &problems):
		out := make([]verifyDocument, len(problems))
		for i, p := range problems {
			out[i] = verifyDocument{number, p.Path, p.Message}
		}
		return out, nil
	}
	return nil, err
}
