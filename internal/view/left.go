package view

import (
	"github.com/pscdev/psc/pkg/convert"
)

// LeftOut writes what an import left out or changed, by object.
func (v *View) LeftOut(left []convert.Left) {
	if len(left) == 0 {
		return
	}
	v.Say("Left out, or different in psc:")
	width, _ := v.errSize()
	for i, l := range left {
		if l.Field == "" {
			v.Say("  %s", Wrap(visible(l.Object+": "+l.Do), 2, 6, width))
			continue
		}
		if i == 0 || left[i-1].Object != l.Object || left[i-1].Field == "" {
			v.Say("  %s", l.Object)
		}
		v.Say("    %s", Wrap(visible(l.Field+": "+l.Do), 4, 6, width))
	}
}
