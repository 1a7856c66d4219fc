package view

import (
	"fmt"
	"io"

	"github.com/pscdev/psc/pkg/report"
)

// Cluster writes what a cluster has for the users of psc.
func (v *View) Cluster(doc report.Cluster) error {
	return v.Answer(doc, []string{doc.Ref()}, func(w io.Writer) {
		v.facts(w, [2]string{"context", doc.Context}, [2]string{"server", doc.Server}, [2]string{"kubernetes", doc.Version})
		fmt.Fprintln(w)
		v.table(w, []string{"OFFER", "STATE", "DETAIL", "NEXT"}, rows(doc.Offers, func(o report.Offer) []string {
			return []string{o.Name, offerState(o.State), o.Detail, o.Next}
		}))
	})
}

func offerState(s report.OfferState) string {
	switch s {
	case report.OfferYes:
		return good.Render(string(s))
	case report.OfferNo:
		return warning.Render(string(s))
	case report.OfferUnknown:
	}
	return dim.Render(string(s))
}

// Setup writes what a setup of a cluster does with each object.
func (v *View) Setup(doc report.Setup) error {
	return v.Answer(doc, report.Refs(doc.Objects...), func(w io.Writer) {
		v.table(w, []string{"STEP", "OBJECT", "PURPOSE"}, rows(doc.Objects, func(o report.SetupObject) []string {
			name := o.Kind + " " + o.Name
			if o.Namespace != "" {
				name = o.Kind + " " + o.Namespace + "/" + o.Name
			}
			return []string{string(o.Step), name, o.Purpose}
		}))
	})
}
