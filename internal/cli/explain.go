package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newExplain(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "explain [KIND[.FIELD...]]",
		Short:             "Describe the fields of a resource",
		Long:              "Print the kinds of resources, the fields of a kind, or one field. With -o json it is JSON Schema.",
		Example:           "  psc explain app\n  psc explain app.health\n  psc explain route.rules.to.weight\n  psc explain app -o json",
		Args:              between(0, "KIND"),
		ValidArgsFunction: fieldNames,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.explainKinds()
			}
			fields := strings.Split(args[0], ".")
			kind, err := parseKind(fields[0])
			if err != nil {
				return err
			}
			whole, err := schema.Of(kind)
			if err != nil {
				return err
			}
			spec := whole.Field("spec")
			if fields = slices.DeleteFunc(fields[1:], func(f string) bool { return f == "spec" }); len(fields) == 0 {
				return s.showField(kind.Word(), whole, spec)
			}
			path, field, err := findField(kind.Word(), spec, fields)
			if err != nil {
				return err
			}
			return s.showField(path, field, field.Inner())
		},
	}
}

func (s *session) explainKinds() error {
	var kinds []report.Kind
	for _, kind := range pod.Kinds() {
		n, err := schema.Of(kind)
		if err != nil {
			return err
		}
		kinds = append(kinds, report.Kind{Name: kind.Word(), Description: n.Description})
	}
	return view.List(s.view, kinds, "", "", view.Kinds)
}

// findField walks down to a field, through lists and maps. It returns the path of the field.
func findField(path string, n *schema.Node, fields []string) (string, *schema.Node, error) {
	for _, name := range fields {
		in := n.Inner()
		if n = in.Field(name); n == nil {
			names := make([]string, 0, len(in.Properties))
			for _, f := range in.Properties {
				names = append(names, f.Name)
			}
			e := fault.New(fault.Usage, "%s has no field %q", path, name)
			if near := pod.Nearest(name, names); near != "" {
				return "", nil, e.WithHint("psc explain %s.%s", path, near)
			}
			return "", nil, e.WithHint("psc explain %s", path)
		}
		path += "." + name
	}
	return path, n, nil
}

// showField shows the description of n, and the fields of in.
func (s *session) showField(path string, n, in *schema.Node) error {
	f := view.Field{Facts: [][2]string{{"field", path}, {"type", n.Word()}}, Description: n.Description}
	if n.Field("spec") == in {
		f.Facts = [][2]string{{"kind", path}}
	}
	if n.Default != nil {
		f.Facts = append(f.Facts, [2]string{"default", fmt.Sprint(n.Default)})
	}
	for _, field := range in.Properties {
		value := ""
		switch {
		case slices.Contains(in.Required, field.Name):
			value = "required"
		case field.Default != nil:
			value = fmt.Sprint(field.Default)
		}
		f.Fields = append(f.Fields, [4]string{field.Name, field.Word(), value, field.Description})
	}
	return s.view.Field(n, path, f)
}
