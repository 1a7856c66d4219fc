package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func newDiff(a *app) *cobra.Command {
	var live, exitCode bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what a deploy would change",
		Long: "Compare the newest revision with the one that is live, or with --live the one that is live with what\n" +
			"is in the cluster.",
		Example: "  psc diff\n  psc diff --exit-code     exit with 3 when there is something to deploy\n" +
			"  psc diff --live          show what was changed by hand, by whom and when",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			if live {
				return a.diffLive(cmd.Context(), w, exitCode)
			}
			h, err := w.history(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.sayOthers(cmd.Context(), w, h); err != nil {
				return err
			}
			if _, loose := h.Stack(); len(loose) > 0 {
				a.view.Warn("%s will be put on top by the next change or deploy: r%d is not among these", count(len(loose), "waiting draft"), loose[0].Number)
			}
			return a.diffRevisions(cmd.Context(), w, h.Live, h.Tip(), exitCode)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "compare what is live with what is in the cluster")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when there are differences")
	return cmd
}

// sayOthers tells whose drafts are in what a deploy would bring, when some are of somebody else.
func (a *app) sayOthers(ctx context.Context, w *workspace, h history) error {
	brings := h.Brings(h.Tip())
	if len(brings) == 0 || a.view.Document() {
		return nil
	}
	user, err := w.kube.Whoami(ctx)
	if err == nil && slices.ContainsFunc(brings, func(r revision.Revision) bool { return r.Author != user.Name }) {
		a.sayDrafts(brings)
	}
	return err
}

// diffDocument is the answer of diff for scripts.
type diffDocument struct {
	From    int              `json:"from"`
	To      int              `json:"to"`
	Entries []revision.Entry `json:"entries"`
}

// showDiff shows how to differs from from.
func (a *app) showDiff(ctx context.Context, w *workspace, doc diffDocument, from, to pod.Spec, exitCode bool) error {
	doc.Entries = revision.Diff(from, to)
	if doc.Entries == nil {
		doc.Entries = []revision.Entry{}
	}
	names := make([]string, 0, len(doc.Entries))
	for _, e := range doc.Entries {
		names = append(names, e.Ref().String())
	}
	if err := w.texts(ctx, doc.Entries, from, to); err != nil {
		return err
	}
	urls, err := a.urls(ctx, w, to)
	if err != nil {
		return err
	}
	err = a.view.Answer(doc, names, func(out io.Writer) {
		if len(doc.Entries) == 0 {
			fmt.Fprintln(out, "No differences")
			return
		}
		a.view.Diff(out, doc.Entries, urls)
	})
	if err == nil && exitCode && len(doc.Entries) > 0 {
		return &fault.Error{Code: fault.Differences, Err: fmt.Errorf("%s", count(len(doc.Entries), "difference")), Silent: true}
	}
	return err
}

// texts puts what the files of configs hold in the place of their digests.
func (w *workspace) texts(ctx context.Context, entries []revision.Entry, from, to pod.Spec) error {
	for _, e := range entries {
		if e.Kind != pod.KindConfig || e.Type != revision.Updated {
			continue
		}
		for i := range e.Fields {
			f := &e.Fields[i]
			file := strings.TrimPrefix(f.Path, "spec.files.")
			if err := errors.Join(w.text(ctx, &f.From, e.Name, file, from), w.text(ctx, &f.To, e.Name, file, to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// text puts the text of a file into field. One that is no text, or is lost, stays a digest.
func (w *workspace) text(ctx context.Context, field *any, config, file string, spec pod.Spec) error {
	if *field == nil {
		return nil
	}
	full, err := w.store.File(ctx, config, file, spec.Config(config).Files[file])
	var lost pod.Problems
	if errors.As(err, &lost) {
		return nil
	}
	if data, ok := full.Bytes(); ok && utf8.Valid(data) {
		*field = string(data)
	}
	return err
}

// urls tells people where routes are reached. Documents do not hold it, and then nothing is asked.
func (a *app) urls(ctx context.Context, w *workspace, spec pod.Spec) (func(string, *pod.Route) []string, error) {
	if a.view.Document() {
		return nil, nil
	}
	cluster, err := w.cluster(ctx, spec)
	if err != nil {
		return nil, err
	}
	return func(name string, r *pod.Route) []string { return cluster.URLs(w.pod, name, r) }, nil
}
