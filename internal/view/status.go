package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// StatusNext names commands for what to do next.
type StatusNext struct {
	// Unready are those for the resources that are not ready.
	Unready []string
	// Diff shows the waiting drafts, and Repair reverts drift.
	Diff, Repair string
}

// Status writes the status of a pod.
func (v *View) Status(doc report.Status, next StatusNext) error {
	return v.Answer(doc, []string{"pod/" + doc.Pod}, func(w io.Writer) { v.status(w, doc, next) })
}

func (v *View) status(w io.Writer, doc report.Status, next StatusNext) {
	live, reason, deploying := "nothing deployed yet", "", ""
	if doc.Live != nil {
		live = fmt.Sprintf("%s %s%s, deployed %s by %s: %s", doc.Live.Name(), state(doc.Live.State), serving(doc),
			v.ago(*cmp.Or(doc.Live.Started, &doc.Live.Created)), doc.Live.DeployedBy, doc.Live.Title())
		reason = doc.Live.Reason
	}
	if doc.Holder != nil {
		user, host := doc.Holder.Client()
		deploying = fmt.Sprintf("r%d by %s on %s, started %s", doc.Holder.Target, user, host, v.ago(doc.Holder.Since))
	}
	v.facts(w,
		[2]string{"pod", fmt.Sprintf("%s on %s", doc.Pod, doc.Context)},
		[2]string{"live", live}, [2]string{"reason", reason}, [2]string{"deploying", deploying})
	if len(doc.Missing) > 0 {
		defer v.Warn("%s", MissingWords(doc.Missing))
	}
	if len(doc.Apps) > 0 {
		fmt.Fprintln(w)
		Apps(v, w, withoutURLs(doc.Apps))
	}
	if len(doc.Routes) > 0 {
		fmt.Fprintln(w)
		Routes(v, w, doc.Routes)
	}
	if len(doc.Jobs) > 0 {
		fmt.Fprintln(w)
		Jobs(v, w, doc.Jobs)
	}
	if len(doc.Others) > 0 {
		fmt.Fprintln(w)
		others(v, w, doc.Others)
	}
	for _, step := range next.Unready {
		v.Next("%s", step)
	}
	if len(doc.Drafts) > 0 {
		fmt.Fprintf(w, "\n%s, not deployed:\n", pod.Count(len(doc.Drafts), "draft"))
		v.revisions(w, doc.Drafts)
		v.Next("%s", next.Diff)
	}
	if len(doc.Drift) > 0 {
		failed := ""
		if doc.Live.State == revision.Failed {
			failed = ", whose deploy failed"
		}
		fmt.Fprintf(w, "\ndiffers from %s%s:\n", doc.Live.Name(), failed)
		for _, d := range doc.Drift {
			fmt.Fprintf(w, "  %s %s: %s\n", d.Kind, d.Name, strings.ReplaceAll(d.Reason, "\n", "\n    "))
		}
		v.Next("%s", next.Repair)
	}
}

// withoutURLs leaves out the addresses of apps: the table of routes has them.
func withoutURLs(apps []report.App) []report.App {
	apps = slices.Clone(apps)
	for i := range apps {
		apps[i].URLs = nil
	}
	return apps
}

// serving says which version serves although the deploy of the live revision failed: ", r8 still serves (4 ready)".
func serving(doc report.Status) string {
	var old []string
	ready := 0
	for _, a := range doc.Apps {
		if a.Instances.Old > 0 {
			old, ready = append(old, a.Name), ready+a.Instances.Old
		}
	}
	if len(old) == 0 || doc.Live.State != revision.Failed {
		return ""
	}
	version, of := "the old version", ""
	if doc.Serving != 0 {
		version = fmt.Sprintf("r%d", doc.Serving)
	}
	if len(doc.Apps) > 1 {
		of = " " + strings.Join(old, ", ")
	}
	return fmt.Sprintf(", %s still serves%s (%d ready)", version, of, ready)
}

// Drift writes how the cluster differs from the live revision. repair names the command that reverts the differences.
func (v *View) Drift(doc report.Live, repair string) error {
	return v.Answer(doc, report.Refs(doc.Drift...), func(w io.Writer) {
		if len(doc.Drift) == 0 {
			fmt.Fprintf(w, "No drift: the cluster matches r%d\n", doc.Live)
			return
		}
		for _, d := range doc.Drift {
			fmt.Fprintf(w, "%s %s: %s\n", d.Kind, d.Name, d.Reason)
			for _, f := range d.Fields {
				by := ""
				if f.By != "" {
					by = " by " + f.By
				}
				if !f.At.IsZero() {
					by += ", " + v.ago(f.At)
				}
				fmt.Fprintf(w, "  %s  %s%s\n", f.Path, drift(f.Change), by)
			}
		}
		v.Next("%s", repair)
	})
}

// drift returns the change of a field in the cluster in colour.
func drift(c plan.Change) string {
	switch c {
	case plan.Added:
		return good.Render(string(c))
	case plan.Removed:
		return bad.Render(string(c))
	case plan.Changed:
	}
	return warning.Render(string(c))
}

// Pod writes everything about a pod.
func (v *View) Pod(doc report.Pod) error {
	return v.Answer(doc, []string{doc.Ref()}, func(w io.Writer) {
		live := "nothing deployed yet"
		if doc.Live != 0 {
			live = fmt.Sprintf("r%d", doc.Live)
		}
		facts := [][2]string{
			{"pod", fmt.Sprintf("%s on %s", doc.Name, doc.Context)},
			{"created", v.ago(doc.Created)},
			{"live", live},
		}
		if doc.Drafts > 0 {
			facts = append(facts, [2]string{"drafts", fmt.Sprintf("%d, not deployed", doc.Drafts)})
		}
		for _, app := range doc.Apps {
			facts = append(facts, [2]string{"app", app})
		}
		for _, m := range doc.Members {
			facts = append(facts, [2]string{m.Role, m.Name})
		}
		v.facts(w, append(facts, settings(doc.PodSettings)...)...)
	})
}

// User writes the signed-in user.
func (v *View) User(doc report.User) error {
	return v.Answer(doc, []string{doc.Ref()}, func(w io.Writer) {
		fmt.Fprintln(w, doc.User)
		server := doc.Server
		if doc.Insecure {
			server += " (its certificate is not checked)"
		}
		kept := doc.Kept
		if doc.Keyring {
			kept += ", and the refresh token in the keyring"
		}
		v.facts(w, [2]string{"context", doc.Context}, [2]string{"server", server}, [2]string{"pod", doc.Pod},
			[2]string{"sign-in", v.signIn(doc)}, [2]string{"issuer", doc.Issuer}, [2]string{"kept in", kept})
	})
}

// SignedIn writes the user who has just signed in.
func (v *View) SignedIn(doc report.User) error {
	return v.Line(doc, []string{doc.Ref()}, "Signed in to %s (%s) as %s%s", doc.Context, doc.Server, doc.User, v.expires(doc))
}

// signIn returns how a user signs in, and for how long.
func (v *View) signIn(doc report.User) string {
	return strings.TrimSuffix(doc.SignIn+" "+doc.Plugin, " ") + v.expires(doc)
}

// expires returns when a sign-in ends, if that is known.
func (v *View) expires(doc report.User) string {
	renews := ""
	if doc.Renews {
		renews = ", renews itself"
	}
	switch {
	case doc.Until.IsZero():
		return renews
	case doc.Until.Before(v.Now()):
		return ", expired " + v.ago(doc.Until) + renews
	}
	return ", expires " + v.until(doc.Until) + renews
}

// Deployed writes the revision that was deployed, and how long that took.
func (v *View) Deployed(doc report.Deployed, took time.Duration) error {
	return v.Answer(doc, report.RevisionRefs(doc.Revision), func(w io.Writer) {
		text := fmt.Sprintf("%s is %s", doc.Name(), state(doc.State))
		if doc.Restores != 0 {
			text += fmt.Sprintf(": restores r%d", doc.Restores)
		}
		fmt.Fprintf(w, "%s (%s)\n", text, seconds(took))
	})
}

// planNames is how many resources PlanWords names.
const planNames = 3

// PlanWords counts what a deploy writes, and names the resources if they are few: "3 to create (app web), 5 unchanged".
func PlanWords(p report.Plan) string {
	var words []string
	for _, c := range []struct {
		n      int
		word   string
		action plan.Action
	}{{p.Create, "to create", plan.Create}, {p.Update, "to update", plan.Update}, {p.Delete, "to delete", plan.Delete}, {p.Keep, "unchanged", ""}} {
		if c.n == 0 {
			continue
		}
		text := fmt.Sprintf("%d %s", c.n, c.word)
		if names := p.Resources[c.action]; len(names) > 0 && len(names) <= planNames {
			text += " (" + strings.Join(names, ", ") + ")"
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return "nothing to write"
	}
	text := strings.Join(words, ", ")
	if len(p.Runs) > 0 {
		text += "; first runs " + strings.Join(p.Runs, ", ")
	}
	return text
}

// Objects writes Kubernetes objects. With one, the document is a single object and not a list.
func (v *View) Objects(found []report.Objects, one bool, empty string) error {
	document, refs := report.Document(found, one)
	return v.Answer(document, refs, func(w io.Writer) {
		shown := 0
		for _, f := range found {
			if len(f.Table.Rows) == 0 {
				continue
			}
			if shown > 0 {
				fmt.Fprintln(w)
			}
			shown++
			printer := printers.NewTablePrinter(printers.PrintOptions{Wide: v.Wide, WithKind: len(found) > 1, Kind: f.Kind.GroupKind()})
			if err := printer.PrintObj(f.Table, w); err != nil {
				v.Warn("show %s: %v", f.Kind.Kind, err)
			}
		}
		if shown == 0 {
			v.Say("%s", empty)
		}
	})
}

// Field is a field of a resource, or a kind.
type Field struct {
	// Facts are its name, type and default.
	Facts       [][2]string
	Description string
	// Fields are the fields below it: name, type, default and description.
	Fields [][4]string
}

// Field writes the description of a field. document is its JSON Schema.
func (v *View) Field(document any, ref string, f Field) error {
	return v.Answer(document, []string{ref}, func(w io.Writer) {
		v.facts(w, f.Facts...)
		fmt.Fprintf(w, "\n%s\n", Wrap(f.Description, 0, 0, v.width))
		if len(f.Fields) == 0 {
			return
		}
		fmt.Fprintln(w)
		v.table(w, []string{"FIELD", "TYPE", "DEFAULT", "DESCRIPTION"}, rows(f.Fields, func(row [4]string) []string {
			return []string{row[0], row[1], row[2], firstSentence(row[3])}
		}))
	})
}
