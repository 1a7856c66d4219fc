package view

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// List writes items: a document, or for people a table. If there are no items, empty is the message and next is the command
// that creates one.
func List[T report.Item](v *View, items []T, empty, next string, table func(*View, io.Writer, []T)) error {
	if items == nil {
		items = []T{}
	}
	return v.Answer(report.List[T]{Items: items}, report.Refs(items...), func(w io.Writer) {
		if len(items) == 0 {
			v.Say("%s", empty)
			v.Next("%s", next)
			return
		}
		table(v, w, items)
	})
}

// rows returns the rows of a table, one for each item.
func rows[T, R any](items []T, row func(T) R) []R {
	out := make([]R, len(items))
	for i, item := range items {
		out[i] = row(item)
	}
	return out
}

// Apps writes the table of apps.
func Apps(v *View, w io.Writer, apps []report.App) {
	images := make([]string, len(apps))
	for i, a := range apps {
		images[i] = a.Image
	}
	images = pod.ShortImages(images...)
	var cells [][]string
	for i, a := range apps {
		cells = append(cells, []string{
			a.Name, healthState(a.State), instances(a), number(a.Restarts), optional(a.CPU, cores), optional(a.Memory, bytesShort), images[i], strings.Join(a.URLs, " "), reason(a.State, a.Reason),
		})
	}
	v.table(w, []string{"APP", "STATE", "INSTANCES", "RESTARTS", "CPU", "MEMORY", "IMAGE", "URL", "REASON"}, cells)
}

// optional returns the text for a number, or "" if it is not known.
func optional(n *float64, text func(float64) string) string {
	if n == nil {
		return ""
	}
	return text(*n)
}

// instances counts the instances of an app: "2/2", "2 old, 0/2 new", "3/3 (auto 1-4 at 70%)".
func instances(a report.App) string {
	text := fmt.Sprintf("%d/%d", a.Instances.Ready, a.Instances.Desired)
	if a.Instances.Old > 0 {
		text = fmt.Sprintf("%d old, %s new", a.Instances.Old, text)
	}
	if s := a.Autoscale; s != nil {
		text += fmt.Sprintf(" (auto %d-%d at %d%%)", s.Min, s.Max, s.CPU)
	}
	return text
}

// reason returns the reason of a state, unless it only repeats the word for the state.
func reason(s health.State, text string) string {
	if text == stateWord(s) {
		return ""
	}
	return text
}

// Routes writes the table of routes.
func Routes(v *View, w io.Writer, routes []report.Route) {
	v.table(w, []string{"ROUTE", "STATE", "URL", "TO", "REASON"}, rows(routes, func(r report.Route) []string {
		return []string{r.Name, healthState(r.State), strings.Join(r.URLs, " "), (&pod.Route{Rules: r.Rules}).Describe(), reason(r.State, r.Reason)}
	}))
}

// others writes the table of the resources that a deploy waits for and that have no table of their own.
func others(v *View, w io.Writer, all []report.Other) {
	v.table(w, []string{"RESOURCE", "STATE", "REASON"}, rows(all, func(o report.Other) []string {
		return []string{o.Ref(), healthState(o.State), reason(o.State, o.Reason)}
	}))
}

// Configs writes the table of configs.
func Configs(v *View, w io.Writer, configs []report.Config) {
	v.table(w, []string{"CONFIG", "FILES", "SIZE", "USED BY"}, rows(configs, func(c report.Config) []string {
		return []string{c.Name, strings.Join(c.Files, ", "), bytesText(c.Bytes), strings.Join(c.Users, ", ")}
	}))
}

// Secrets writes the table of secrets, with a row for each key.
func Secrets(v *View, w io.Writer, secrets []report.Secret) {
	var lines [][]string
	for _, s := range secrets {
		for _, key := range s.Keys {
			lines = append(lines, []string{s.Name, key.Name, cmp.Or(key.Version, "no value yet"), strings.Join(s.Users, ", ")})
		}
	}
	v.table(w, []string{"SECRET", "KEY", "VERSION", "USED BY"}, lines)
}

// Disks writes the table of disks.
func Disks(v *View, w io.Writer, disks []report.Disk) {
	v.table(w, []string{"DISK", "STATE", "SIZE", "CLASS", "USED BY"}, rows(disks, func(d report.Disk) []string {
		return []string{d.Name, d.State, d.Size, d.Class, strings.Join(d.Users, ", ")}
	}))
}

// Logins writes the table of registry logins.
func Logins(v *View, w io.Writer, logins []report.Login) {
	v.table(w, []string{"SERVER", "USER"}, rows(logins, func(l report.Login) []string { return []string{l.Server, l.Username} }))
}

// Members writes the table of members. A role that psc did not give has the name of its RoleBinding.
func Members(v *View, w io.Writer, members []report.Member) {
	v.table(w, []string{"MEMBER", "KIND", "ROLE", "ROLEBINDING"}, rows(members, func(m report.Member) []string {
		kind := string(m.Kind)
		if m.Kind == report.MemberAccount {
			kind = "service account"
		}
		return []string{m.Name, kind, m.Role, m.Binding}
	}))
}

// Pods writes the table of pods.
func Pods(v *View, w io.Writer, pods []report.Pod) {
	v.table(w, []string{"POD", "CREATED", ""}, rows(pods, func(p report.Pod) []string {
		current := ""
		if p.Current {
			current = "current"
		}
		return []string{p.Name, v.ago(p.Created), current}
	}))
}

// Kinds writes the table of the kinds of resources.
func Kinds(v *View, w io.Writer, kinds []report.Kind) {
	v.table(w, []string{"KIND", "DESCRIPTION"}, rows(kinds, func(k report.Kind) []string {
		return []string{k.Name, firstSentence(k.Description)}
	}))
}

// Commands writes what commands there are.
func (v *View) Commands(doc report.Commands) error {
	return v.Answer(doc, report.Refs(doc.Items...), func(w io.Writer) {
		v.table(w, []string{"COMMAND", "EFFECT", "DESCRIPTION"}, rows(doc.Items, func(c report.Command) []string {
			return []string{c.Name, string(c.Effect), c.Short}
		}))
	})
}

// revisions writes the table of revisions.
func (v *View) revisions(w io.Writer, all []revision.Revision) {
	v.table(w, []string{"REVISION", "STATE", "CREATED", "AUTHOR", "CHANGE", "REASON"}, rows(all, func(r revision.Revision) []string {
		number := fmt.Sprint(r.Number)
		switch {
		case r.Live && r.Kept:
			number += " (live, kept)"
		case r.Live:
			number += " (live)"
		case r.Kept:
			number += " (kept)"
		}
		title := r.Title()
		if v.width > 0 { // about two lines: "revision show" has the rest
			title = ansi.Truncate(visible(title), v.width, "…")
		}
		return []string{number, state(r.State), v.ago(r.Created), r.Author, title, r.Reason}
	}))
}

// Revisions is a history and how it is shown.
type Revisions struct {
	report.History
	// Most is how many revisions people see, or 0 for all. More is the command that lists them all.
	Most int
	More string
	// Empty is the message without any, and Next the command that creates one.
	Empty, Next string
}

// Revisions writes a history, as List does.
func (v *View) Revisions(h Revisions) error {
	if h.Items == nil {
		h.Items = []revision.Revision{}
	}
	return v.Answer(h.History, report.RevisionRefs(h.Items...), func(w io.Writer) {
		if len(h.Missing) > 0 {
			defer v.Warn("%s", MissingWords(h.Missing))
		}
		all := h.Items
		if len(all) == 0 {
			v.Say("%s", h.Empty)
			v.Next("%s", h.Next)
			return
		}
		if h.Most > 0 {
			all = all[:min(h.Most, len(all))]
		}
		v.revisions(w, all)
		if more := len(h.Items) - len(all); more > 0 {
			v.Say("%s not shown", pod.Count(more, "older revision"))
			v.Next("%s", h.More)
		}
		if removed := h.Items[0].Number - len(h.Items) - len(h.Missing); removed > 0 && h.Limit > 0 {
			v.Say("%s removed: the history keeps %d, besides those that the pod needs (psc revision keep)", pod.Count(removed, "older revision"), h.Limit)
		}
	})
}

// MissingWords says that the records of some revisions are missing.
func MissingWords(numbers []int) string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = fmt.Sprintf("r%d", n)
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	if len(numbers) == 1 {
		return "the record of " + names[0] + " was deleted, but not by psc: its number is not used again"
	}
	return "the records of " + strings.Join(names, ", ") + " were deleted, but not by psc: their numbers are not used again"
}

// Kept writes revisions that are kept from now on, and those that are kept no longer.
func (v *View) Kept(all []revision.Revision) error {
	return v.Answer(report.List[revision.Revision]{Items: all}, report.RevisionRefs(all...), func(w io.Writer) {
		for _, r := range all {
			words := "is kept"
			if !r.Kept {
				words = "is no longer kept"
			}
			fmt.Fprintf(w, "%s %s: %s\n", r.Name(), words, r.Title())
		}
	})
}

// Limit writes how many revisions a history keeps. excess is how many more it has.
func (v *View) Limit(doc report.History, excess int) error {
	return v.Answer(doc, nil, func(w io.Writer) {
		fmt.Fprintf(w, "The history keeps %s, besides those that the pod needs\n", pod.Count(doc.Limit, "revision"))
		if excess > 0 {
			v.Say("It has %d more: the next change removes them", excess)
			v.Next("psc revision prune removes them now")
		}
	})
}

// URL writes the URL of a route.
func (v *View) URL(route report.Route, url string) error {
	return v.Answer(route, []string{route.Ref()}, func(w io.Writer) { fmt.Fprintln(w, url) })
}

// Discarded writes the drafts that were discarded.
func (v *View) Discarded(all []revision.Revision) error {
	return v.Answer(report.List[revision.Revision]{Items: all}, report.RevisionRefs(all...), func(w io.Writer) {
		for _, r := range all {
			fmt.Fprintf(w, "%s  discarded   %s (%s)\n", r.Name(), r.Title(), r.Author)
		}
	})
}

// Verification writes what is damaged or missing in some revisions, and what was not checked.
func (v *View) Verification(doc report.Verification) error {
	return v.Answer(doc, nil, func(w io.Writer) {
		for _, d := range doc.Items {
			fmt.Fprintf(w, "r%d: %s\n", d.Number, strings.TrimSpace(d.Path+" "+d.Message))
		}
		switch {
		case len(doc.Items) > 0:
		case doc.Unseen != "":
			fmt.Fprintf(w, "%s: no damage found in what you may read\n", pod.Count(doc.Read, "revision"))
		default:
			fmt.Fprintf(w, "%s: no damage found\n", pod.Count(doc.Read, "revision"))
		}
		if doc.Unsealed > 0 {
			v.Say("%s by an older version of psc: changes of their records cannot be found", pod.Count(doc.Unsealed, "revision"))
		}
		if doc.Unseen != "" {
			v.Say("%ss were not checked: you may not read them", doc.Unseen)
		}
	})
}

// Files writes files as one stream of YAML documents.
func (v *View) Files(all []report.File) error {
	documents := report.List[any]{Items: []any{}}
	for _, f := range all {
		documents.Items = append(documents.Items, f.Document)
	}
	return v.Answer(documents, report.Refs(all...), func(io.Writer) { fmt.Fprint(v.document, report.Stream(all)) })
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}

// healthState returns the state of a resource in colour.
func healthState(s health.State) string { return colour(s, stateWord(s)) }
