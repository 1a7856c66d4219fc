package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// newShow makes the command that prints one resource of the newest revision in the form of a file.
func newShow(a *app, kind pod.Kind) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Print it as a file, drafts included",
		Example: fmt.Sprintf("  psc %s show web\n  psc %s show web -o jsonpath={.spec}", kind.Word(), kind.Word()),
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			spec, err := w.spec(cmd.Context())
			if err != nil {
				return err
			}
			ref := pod.Ref{Kind: kind, Name: args[0]}
			r, ok := spec[ref]
			if !ok {
				e := &pod.RefError{Ref: ref, Err: pod.ErrNotFound, Nearest: pod.Nearest(args[0], spec.Names(kind))}
				return fault.New(fault.Failed, "%w", e).WithHint("psc %s list", kind.Word())
			}
			file := pod.FileOf(args[0], r)
			text, err := pod.Encode(file)
			if err != nil {
				return err
			}
			return a.view.Answer(file, []string{ref.String()}, func(out io.Writer) { fmt.Fprint(out, string(text)) })
		},
	}
}
