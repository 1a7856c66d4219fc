package view

import (
	"fmt"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// maxNames is how many names FirstNames keeps.
const maxNames = 20

// Extent writes what is in a pod.
func (v *View) Extent(e report.Extent) {
	list := func(word string, names []string) {
		if len(names) > 0 {
			v.Say("  %s: %s", word, strings.Join(FirstNames(names), ", "))
		}
	}
	list(pod.Count(len(e.Apps), "app"), e.Apps)
	list(pod.Count(len(e.Routes), "route"), e.Routes)
	list(pod.Count(len(e.Jobs), "job"), e.Jobs)
	list(pod.Count(len(e.Disks), "disk"), e.Disks)
	if e.Revisions > 0 {
		v.Say("  %s", pod.Count(e.Revisions, "revision"))
	}
	list("not created by psc", e.Others)
	list("could not be listed", e.Unread)
}

// FirstNames shortens a list of names: the rest is counted.
func FirstNames(names []string) []string {
	if len(names) <= maxNames {
		return names
	}
	return append(names[:maxNames:maxNames], fmt.Sprintf("and %d more", len(names)-maxNames))
}
