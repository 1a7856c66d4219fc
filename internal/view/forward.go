package view

import (
	"cmp"
	"fmt"
	"io"

	"github.com/pscdev/psc/pkg/report"
)

// Forwards writes which ports of apps can be reached on this machine.
func (v *View) Forwards(all []report.Forward) error {
	return v.Answer(report.List[report.Forward]{Items: all}, report.Refs(all...), func(w io.Writer) {
		for _, f := range all {
			fmt.Fprintf(w, "%s -> %s:%d\n", cmp.Or(f.URL, f.Address), f.Instance, f.Port)
		}
	})
}
