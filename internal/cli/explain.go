package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// kindDocument is a kind of resource, for scripts.
type kindDocument struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "explain [KIND[.FIELD...]]",
		Short:   "Print what a field of a resource means, and which there are",
		Long:    "Print the kinds of resources, the fields of a kind, or what one field means. With -o json it is JSON Schema.",
		Example: "  psc explain app\n  psc explain app.health\n  psc explain route.rules.to.weight\n  psc explain app -o json",
		Args:    between(0, "KIND"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return kindWords(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.explainKinds()
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
				return a.showField(kind.Word(), whole, spec)
			}
			path, field, err := explained(kind.Word(), spec, fields)
			if err != nil {
				return err
			}
			return a.showField(path, field, field.Inner())
		},
	}
}

func (a *app) explainKinds() error {
	var kinds []kindDocument
	var names []string
	for _, kind := range pod.Kinds() {
		n, err := schema.Of(kind)
		if err != nil {
			return err
		}
		kinds = append(kinds, kindDocument{kind.Word(), n.Description})
		names = append(names, kind.Word())
	}
	return a.view.Answer(list[kindDocument]{kinds}, names, func(out io.Writer) {
		rows := make([][]string, 0, len(kinds))
		for _, k := range kinds {
			rows = append(rows, []string{k.Name, firstSentence(k.Description)})
		}
		a.view.Table(out, []string{"KIND", "WHAT IT IS"}, rows)
	})
}

// explained walks down to a field, through lists and maps. path is where it got to.
func explained(path string, n *schema.Node, fields []string) (string, *schema.Node, error) {
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

// showField shows what n is, and the fields of in.
func (a *app) showField(path string, n, in *schema.Node) error {
	return a.view.Answer(n, []string{path}, func(out io.Writer) {
		facts := [][2]string{{"field", path}, {"type", n.Word()}}
		if n.Field("spec") == in {
			facts = [][2]string{{"kind", path}}
		}
		if n.Default != nil {
			facts = append(facts, [2]string{"default", fmt.Sprint(n.Default)})
		}
		a.view.Facts(out, facts...)
		fmt.Fprintf(out, "\n%s\n", n.Description)
		if len(in.Properties) == 0 {
			return
		}
		fmt.Fprintln(out)
		rows := make([][]string, 0, len(in.Properties))
		for _, f := range in.Properties {
			needed := ""
			switch {
			case slices.Contains(in.Required, f.Name):
				needed = "required"
			case f.Default != nil:
				needed = fmt.Sprint(f.Default)
			}
			rows = append(rows, []string{f.Name, f.Word(), needed, firstSentence(f.Description)})
		}
		a.view.Table(out, []string{"FIELD", "TYPE", "DEFAULT", "WHAT IT IS"}, rows)
	})
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}
