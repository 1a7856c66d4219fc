package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevision(s *session) *cobra.Command {
	c := noun("revision", "Manage revisions: the history of the pod",
		newRevisionList(s), newRevisionShow(s), newRevisionDiff(s), newRevisionWait(s),
		newRevisionDiscard(s), newRevisionKeep(s), newRevisionPrune(s), newRevisionVerify(s))
	c.Aliases = []string{"rev"}
	return c
}

func newRevisionList(s *session) *cobra.Command {
	var most int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the revisions: what changed, when and by whom",
		Example: "  psc revision list\n  psc revision list -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			h, err := w.History(cmd.Context())
			if err != nil {
				return err
			}
			all := h.All
			if !s.view.Document() && most > 0 && len(all) > most {
				all = all[:most]
			}
			doc := report.History{Items: all, Limit: h.Limit, Missing: h.Missing()}
			return s.view.Revisions(doc, fmt.Sprintf("Pod %s has no revisions", w.Pod), "psc app create NAME --image IMAGE",
				len(h.All)-len(all), "psc revision list --limit 0")
		},
	}
	cmd.Flags().IntVar(&most, "limit", 20, "show at most `N` revisions; 0 for all")
	return cmd
}

func newRevisionShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "show [REVISION]",
		Short:             "Show a revision: its author, time and message, and what it changed",
		Long:              "Show the named revision, by default the live one, and its differences to the revision that it is based on. With -o yaml, print its resources.",
		Example:           "  psc revision show\n  psc revision show 12 -o yaml",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if s.view.Document() {
				r, err := w.Show(cmd.Context(), number)
				if err != nil {
					return err
				}
				return s.view.Revision(r, nil)
			}
			r, changes, err := w.Changes(cmd.Context(), number)
			if err != nil {
				return err
			}
			if err := s.view.Revision(r, changes); err != nil || changes != nil {
				return err
			}
			s.view.Say("r%d, which it is based on, was removed", r.Parent)
			s.view.Next("psc revision show %d -o yaml prints its resources", r.Number)
			return nil
		},
	}
}

func newRevisionDiff(s *session) *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:               "diff A [B]",
		Short:             "Compare two revisions",
		Long:              "Show what changed from A to B, by default the newest revision.",
		Example:           "  psc revision diff 2 3\n  psc revision diff 2 -o json",
		Args:              between(1, "A", "B"),
		ValidArgsFunction: s.complete(s.revisionNames, s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseRevision(args[0])
			if err != nil {
				return err
			}
			to, err := optionalRevision(args[1:])
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			doc, err := w.DiffRevisions(cmd.Context(), from, to, !s.view.Document())
			if err != nil {
				return err
			}
			return s.showDiff(doc, exitCode)
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if there are differences")
	return cmd
}

func newRevisionWait(s *session) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [REVISION]",
		Short: "Wait until a deploy has ended",
		Long: "Wait for the named revision, by default the live one. The exit code is 0 if it is ready, 1 if it failed, and 8 if it\n" +
			"is still pending at the timeout.",
		Example:           "  psc deploy --no-wait && psc revision wait",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			r, err := w.Wait(ctx, number)
			switch {
			case err != nil && ctx.Err() == context.DeadlineExceeded:
				return fault.New(fault.Pending, "%s is still %s after %s", r.Name(), r.State, timeout).WithHint("psc status")
			case err != nil:
				return err
			case r.State == revision.Discarded:
				return fault.New(fault.Failed, "%s was discarded: %s", r.Name(), r.Reason)
			}
			if err := s.view.Ended(r); err != nil {
				return err
			}
			if r.State == revision.Failed {
				return fault.New(fault.Failed, "%s failed: %s", r.Name(), r.Reason)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "`TIME` to wait until it has ended")
	return cmd
}

func newRevisionDiscard(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "discard [REVISION...]",
		Short: "Discard waiting drafts",
		Long: "Discard the named drafts, by default all of your own. The history keeps them as discarded. psc rebases the drafts\n" +
			"above them.",
		Example:           "  psc revision discard\n  psc revision discard 12 14",
		ValidArgsFunction: s.completeAll(s.draftNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			numbers := make([]int, len(args))
			for i, arg := range args {
				var err error
				if numbers[i], err = parseRevision(arg); err != nil {
					return err
				}
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			discarded, err := w.Discard(cmd.Context(), numbers)
			if len(discarded) == 0 {
				return err
			}
			return errors.Join(err, s.view.Discarded(discarded))
		},
	}
}

func newRevisionKeep(s *session) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "keep [REVISION... | REVISION-...]",
		Short: "Keep revisions when the history becomes long, or set its length",
		Long: fmt.Sprintf("Keep the named revisions when the history becomes long; REVISION- keeps one no longer. The history of a pod has at most\n"+
			"%d revisions, or as many as --limit says, besides those that are kept and those that the pod needs: the live revision,\n"+
			"waiting drafts, and the last one that was ready. A change removes the oldest of the others.", revision.DefaultLimit),
		Example:           "  psc revision keep 12\n  psc revision keep 12-\n  psc revision keep --limit 1000",
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			limited := cmd.Flags().Changed("limit")
			switch {
			case limited && limit < 1:
				return fault.New(fault.Usage, "--limit must be 1 or more").WithHint("%s", cmd.UseLine())
			case limited == (len(args) > 0):
				return fault.New(fault.Usage, "give either revisions or --limit").WithHint("%s", cmd.UseLine())
			}
			keep, release, err := parseKept(args)
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if limited {
				excess, err := w.SetLimit(cmd.Context(), limit)
				if err != nil {
					return err
				}
				return s.view.Limit(report.History{Items: []revision.Revision{}, Limit: limit}, excess)
			}
			kept, err := w.Keep(cmd.Context(), keep, true)
			if err != nil {
				return err
			}
			released, err := w.Keep(cmd.Context(), release, false)
			if err != nil {
				return err
			}
			return s.view.Kept(append(kept, released...))
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "keep the `N` newest revisions")
	return cmd
}

// parseKept reads revisions to keep, as in 12, and not to keep, as in 12-.
func parseKept(args []string) (keep, release []int, err error) {
	for _, arg := range args {
		text, off := strings.CutSuffix(arg, "-")
		number, err := parseRevision(text)
		if err != nil {
			return nil, nil, err
		}
		if off {
			release = append(release, number)
		} else {
			keep = append(keep, number)
		}
	}
	return keep, release, nil
}

func newRevisionPrune(s *session) *cobra.Command {
	var p workspace.Prune
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old revisions, and content that only they use",
		Long: "Remove all but the newest revisions. psc always keeps the live revision, waiting drafts, revisions whose deploy has not\n" +
			"ended, the last one that was ready, those of psc revision keep, and all content that is mounted.",
		Example: "  psc revision prune --keep 50 --keep-revision 7\n  psc revision prune --keep 50 --dry-run",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Newest < 1 && cmd.Flags().Changed("keep") {
				return fault.New(fault.Usage, "--keep must be 1 or more").WithHint("%s", cmd.UseLine())
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			doc, err := w.Prune(cmd.Context(), p)
			if err != nil {
				return err
			}
			verb := "Removed"
			if p.DryRun {
				verb = "Would remove"
			}
			if doc.Unseen != "" {
				s.view.Say("%ss stay, also those that nothing uses: you may not list them", doc.Unseen)
			}
			return s.view.Line(doc, doc.Refs(), "%s %s and %s", verb,
				view.Count(len(doc.Revisions), "revision"), view.Count(len(doc.Content), "object"))
		},
	}
	cmd.Flags().IntVar(&p.Newest, "keep", 0, "keep the `N` newest revisions (default the limit of the pod)")
	cmd.Flags().IntSliceVar(&p.Also, "keep-revision", nil, "another `REVISION` to keep")
	cmd.Flags().DurationVar(&p.Grace, "grace", time.Hour, "`TIME` to keep unused files and values: a running change may need them")
	cmd.Flags().BoolVar(&p.DryRun, "dry-run", false, "show what would be removed")
	return cmd
}

func newRevisionVerify(s *session) *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use:   "verify [REVISION]",
		Short: "Find damaged, altered or missing records, files and secret values",
		Long: "Read the named revision, by default all, and the content that they refer to, oldest first. The exit code is 1 if\n" +
			"something is damaged or missing. Each record has a hash of itself and of the record before, so psc finds a record that\n" +
			"was changed by hand, or deleted and created again. psc does not deploy it, or roll back to it, unless --accept says\n" +
			"that it is right as it is now.",
		Example:           "  psc revision verify\n  psc revision verify 7\n  psc revision verify 7 --accept",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			if accept && number == 0 {
				return fault.New(fault.Usage, "REVISION is missing").WithHint("psc revision verify REVISION --accept")
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if accept {
				if err := w.Accept(cmd.Context(), number); err != nil {
					return err
				}
			}
			found, err := w.Verify(cmd.Context(), number)
			if err != nil {
				return err
			}
			if err := s.view.Verification(found); err != nil || len(found.Items) == 0 {
				return err
			}
			return &fault.Error{Code: fault.Failed, Err: errors.New("something is damaged or missing"), Silent: true}
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "accept the record as it is now")
	return cmd
}
