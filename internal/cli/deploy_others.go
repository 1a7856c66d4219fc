package cli

import (
	"fmt"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/revision"
)

// others asks before drafts of somebody else are deployed, or says which flag answers.
func (a *app) others(h history, number int, user string, all bool) error {
	brings := h.Brings(number)
	var theirs []string
	for _, d := range brings {
		if d.Author != user {
			theirs = append(theirs, fmt.Sprintf("%s of %s", d.Name(), d.Author))
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	a.sayDrafts(brings)
	if all || a.yes {
		return nil
	}
	what := fmt.Sprintf("r%d holds drafts of others: %s", number, strings.Join(theirs, ", "))
	if !a.interactive() {
		return fault.New(fault.Conflict, "%s", what).WithHint("--all deploys them too, --mine only your own")
	}
	if !a.ask(what + ". Deploy them too?") {
		return fault.New(fault.Failed, "nothing was deployed").WithHint("psc deploy --mine deploys your own drafts")
	}
	return nil
}

// sayDrafts tells whose drafts a deploy brings.
func (a *app) sayDrafts(drafts []revision.Revision) {
	for _, d := range drafts {
		a.view.Say("  %s of %s: %s", d.Name(), d.Author, d.Title())
	}
}
