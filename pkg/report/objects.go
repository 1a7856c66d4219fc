package report

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Objects are the Kubernetes objects of one kind: a table with the columns that the API server has for people, or the items.
type Objects struct {
	Kind  schema.GroupVersionKind
	Table *metav1.Table
	Items []unstructured.Unstructured
}

// Document returns objects as a document, and their refs. With one, the document is a single object if there is just one.
func Document(found []Objects, one bool) (document any, refs []string) {
	all := []any{}
	for _, f := range found {
		for _, o := range f.Items {
			all = append(all, o.Object)
			refs = append(refs, strings.ToLower(f.Kind.Kind)+"/"+o.GetName())
		}
	}
	if one && len(all) == 1 {
		return all[0], refs
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": all}, refs
}
