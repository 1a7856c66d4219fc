package cli

import "github.com/spf13/cobra"

func newRevision(s *session) *cobra.Command {
	c := noun("revision", "Manage revisions: the history of the pod",
		newRevisionList(s), newRevisionShow(s), newRevisionDiff(s), newRevisionWait(s),
		newRevisionDiscard(s), newRevisionKeep(s), newRevisionPrune(s), newRevisionVerify(s))
	c.Aliases = []string{"rev"}
	return c
}
