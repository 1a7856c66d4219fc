package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func newApply(a *app) *cobra.Command {
	var (
		c     changeFlags
		f     applyFlags
		files []string
	)
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make or change resources as files say",
		Long: "Make every resource of the files what they say. A folder stands for all of its .yaml, .yml and .json\n" +
			"files, and - for stdin. Resources that no file names stay; with --prune they go.\n" +
			"With --base, what others changed since that revision stays, and a field that they changed too is a conflict.",
		Example: "  psc apply -f psc/ --deploy\n  psc export | psc --pod staging apply -f - --prune --dry-run\n" +
			"  psc apply -f shop.yaml --base 12",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return fault.New(fault.Usage, "-f is missing").WithHint("%s", cmd.UseLine())
			}
			spec, err := a.readFiles(files)
			if err != nil {
				return err
			}
			return a.apply(cmd.Context(), &c, f, spec)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, folder, or - for stdin; may be given several times")
	cmd.Flags().StringVar(&f.base, "base", "", "the `REVISION` that the files were exported from")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "take out of the pod what no file names")
	cmd.Flags().BoolVar(&f.noPin, "no-pin", false, noPinUsage)
	c.add(cmd)
	return cmd
}

type applyFlags struct {
	base         string
	prune, noPin bool
}

// apply puts resources in place of those of the base: the revision that is named, or else what the pod is when it
// begins. What others change from then on is merged.
func (a *app) apply(ctx context.Context, c *changeFlags, f applyFlags, files pod.Spec) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	var change making
	begin := func(base revision.Revision) error {
		var gone []pod.Ref
		if f.prune {
			gone = slices.DeleteFunc(base.Spec.Refs(), func(ref pod.Ref) bool { return files[ref] != nil })
		}
		mine, err := a.replaced(ctx, w, base.Spec, files, gone, f.noPin)
		change = a.since(ctx, w, base, mine)
		return err
	}
	if f.base != "" {
		number, err := parseRevision(f.base)
		if err != nil {
			return err
		}
		base, err := w.revision(ctx, number)
		if err != nil {
			return err
		}
		if err := begin(base); err != nil {
			return err
		}
	}
	return a.changeOn(ctx, c, func(now revision.Revision) (pod.Change, error) {
		if change == nil {
			if err := begin(now); err != nil {
				return pod.Change{}, err
			}
		}
		return change(now)
	})
}
