package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Status shows a status: see View.Status.
func (l *Live) Status(doc report.Status, next StatusNext) error {
	return l.update(func(v *View) error { return v.Status(doc, next) },
		func() ([]change, error) { return statusChanges(l.view, doc), nil })
}

// Usage shows what apps and their instances use: see View.Usage.
func (l *Live) Usage(apps []report.AppUsage, unmeasured error, empty string) error {
	return l.update(func(v *View) error { return v.Usage(apps, unmeasured, empty) },
		func() ([]change, error) { return usageChanges(l.view, apps, unmeasured == nil), nil })
}

// Objects shows Kubernetes objects: see View.Objects.
func (l *Live) Objects(found []report.Objects, one bool, empty string) error {
	return l.update(func(v *View) error { return v.Objects(found, one, empty) },
		func() ([]change, error) { return objectChanges(found, l.view.Wide) })
}

// LiveList shows items: see List.
func LiveList[T report.Item](l *Live, all []T, empty, next string, table func(*View, io.Writer, []T)) error {
	return l.update(func(v *View) error { return List(v, all, empty, next, table) },
		func() ([]change, error) { return items(l.view, all, table), nil })
}

// Revisions shows a history: see View.Revisions. Elsewhere than on a terminal the newest revision comes last.
func (l *Live) Revisions(h Revisions) error {
	return l.update(func(v *View) error { return v.Revisions(h) }, func() ([]change, error) {
		all := make([]change, len(h.Items))
		for i, r := range h.Items {
			c := row(l.view, report.RevisionRefs(r)[0], func(v *View, w io.Writer) { v.revisions(w, []revision.Revision{r}) })
			c.old = h.Most > 0 && i >= h.Most
			all[len(all)-1-i] = c
		}
		return all, nil
	})
}

// items returns the changes of the items of a list, each as the row that table writes.
func items[T report.Item](v *View, all []T, table func(*View, io.Writer, []T)) []change {
	return rows(all, func(item T) change {
		return row(v, item.Ref(), func(v *View, w io.Writer) { table(v, w, []T{item}) })
	})
}

// row returns the change of an item with a row in a table. That time passes is no change.
func row(v *View, key string, table func(*View, io.Writer)) change {
	still := *v
	still.Now = func() time.Time { return time.Time{} }
	return change{key: key, text: rowsOf(v, table), version: rowsOf(&still, table)}
}

// rowsOf returns the text below the header of a table.
func rowsOf(v *View, table func(*View, io.Writer)) string {
	var out strings.Builder
	wide := *v
	wide.width, wide.out = 0, screen{&out, true}
	table(&wide, wide.out)
	_, text, _ := strings.Cut(out.String(), "\n")
	return strings.TrimRight(text, "\n")
}

// statusChanges returns the changes of a status. What apps use changes all the time, and is not among them.
func statusChanges(v *View, doc report.Status) []change {
	var all []change
	if doc.Live != nil {
		deploying := ""
		if doc.Holder != nil {
			user, _ := doc.Holder.Client()
			deploying = fmt.Sprintf(", %s is deploying r%d", user, doc.Holder.Target)
		}
		all = append(all, change{key: "live", text: fmt.Sprintf("live %s %s%s: %s", doc.Live.Name(), doc.Live.State, deploying, doc.Live.Title())})
	}
	apps := withoutURLs(doc.Apps)
	for i := range apps {
		apps[i].CPU, apps[i].Memory = nil, nil
	}
	all = append(all, prefixed("app ", items(v, apps, Apps))...)
	all = append(all, prefixed("route ", items(v, doc.Routes, Routes))...)
	all = append(all, prefixed("job ", items(v, doc.Jobs, Jobs))...)
	all = append(all, items(v, doc.Others, others)...)
	for _, r := range doc.Drafts {
		all = append(all, change{key: "draft " + r.Name(), text: fmt.Sprintf("draft %s by %s: %s", r.Name(), r.Author, r.Title())})
	}
	for _, d := range doc.Drift {
		key := fmt.Sprintf("drift of %s %s", d.Kind, d.Name)
		all = append(all, change{key: key, text: key + ": " + d.Reason})
	}
	return all
}

// prefixed puts a word before the texts of changes.
func prefixed(word string, all []change) []change {
	for i := range all {
		all[i].text = word + all[i].text
	}
	return all
}

// usageChanges returns the changes of what apps and instances use.
func usageChanges(v *View, apps []report.AppUsage, measured bool) []change {
	var all []change
	for _, a := range apps {
		keys := []string{a.Ref()}
		for _, i := range a.Instances {
			keys = append(keys, i.Name)
		}
		text := rowsOf(v, func(v *View, w io.Writer) { v.usage(w, []report.AppUsage{a}, measured) })
		for i, line := range strings.Split(text, "\n") {
			all = append(all, change{key: keys[i], text: line})
		}
	}
	return all
}

// objectChanges returns the changes of Kubernetes objects. The age of an object is no change.
func objectChanges(found []report.Objects, wide bool) ([]change, error) {
	var all []change
	for _, f := range found {
		for _, row := range f.Table.Rows {
			var o metav1.PartialObjectMetadata
			if err := json.Unmarshal(row.Object.Raw, &o); err != nil {
				return nil, err
			}
			one := *f.Table
			one.Rows = []metav1.TableRow{row}
			var out strings.Builder
			printer := printers.NewTablePrinter(printers.PrintOptions{NoHeaders: true, Wide: wide, WithKind: len(found) > 1, Kind: f.Kind.GroupKind()})
			if err := printer.PrintObj(&one, &out); err != nil {
				return nil, err
			}
			key := strings.ToLower(f.Kind.Kind) + "/" + o.Name
			all = append(all, change{key: key, version: string(o.UID) + o.ResourceVersion, text: strings.TrimRight(out.String(), " \n")})
		}
	}
	return all, nil
}
