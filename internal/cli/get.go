package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
)

func newGet(a *app) *cobra.Command {
	var selector string
	cmd := &cobra.Command{
		Use:   "get KIND [NAME...]",
		Short: "List objects of the pod as Kubernetes sees them",
		Long:  "List Kubernetes' own objects in the pod's namespace. Kinds are written as kubectl takes them.",
		Example: "  psc get pods\n  psc get deploy,svc\n  psc get httproute web -o yaml\n" +
			"  psc get pods -l psc.dev/app=web",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(strings.Split(args[0], ","), "") {
				return fault.New(fault.Usage, "KIND is missing").WithHint("psc get pods")
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			found, err := w.kube.Find(cmd.Context(), w.pod, args[0], args[1:], selector, !a.view.Document())
			if err != nil {
				return err
			}
			document, names := objects(found, one(args))
			return a.view.Answer(document, names, func(out io.Writer) { a.showFound(out, w.pod, found) })
		},
	}
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "only those with these labels")
	return cmd
}

// one says whether exactly one object was asked for: KIND NAME or KIND/NAME.
func one(args []string) bool {
	return !strings.Contains(args[0], ",") && (len(args) == 2 || strings.Contains(args[0], "/"))
}

// objects are what was found as a document: the one object that was asked for, or else a list.
func objects(found []kube.Found, one bool) (any, []string) {
	all := []any{}
	var names []string
	for _, f := range found {
		for _, o := range f.Items {
			all = append(all, o.Object)
			names = append(names, strings.ToLower(f.Kind.Kind)+"/"+o.GetName())
		}
	}
	if one && len(all) == 1 {
		return all[0], names
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": all}, names
}

func (a *app) showFound(out io.Writer, podName string, found []kube.Found) {
	shown := 0
	for _, f := range found {
		if len(f.Table.Rows) == 0 {
			continue
		}
		if shown > 0 {
			fmt.Fprintln(out)
		}
		shown++
		printer := printers.NewTablePrinter(printers.PrintOptions{WithKind: len(found) > 1, Kind: f.Kind.GroupKind()})
		if err := printer.PrintObj(f.Table, out); err != nil {
			a.view.Warn("%s cannot be shown: %v", f.Kind.Kind, err)
		}
	}
	if shown == 0 {
		a.view.Say("Nothing found in pod %s", podName)
	}
}
