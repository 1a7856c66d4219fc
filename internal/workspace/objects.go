package workspace

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// Find reads objects in the pod's namespace, by the names that kubectl accepts. With table it reads the columns that the API
// server has for people, else the objects.
func (rd *Reader) Find(ctx context.Context, types string, names []string, selector string, table bool) ([]report.Objects, error) {
	var found []kube.Found
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() error { return rd.Exists(reading) })
	group.Go(func() (err error) {
		found, err = rd.kube.Find(reading, rd.Pod, types, names, selector, table)
		return err
	})
	err := group.Wait()
	out := make([]report.Objects, len(found))
	for i, f := range found {
		out[i] = report.Objects(f)
	}
	return out, err
}

// Usage returns what the instances of an app use, or with "" those of all apps: see instance.Instances.Usage.
func (rd *Reader) Usage(ctx context.Context, app string) (all []report.AppUsage, unmeasured, err error) {
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() error { return rd.Exists(reading) })
	group.Go(func() (err error) {
		all, unmeasured, err = rd.Instances().Usage(reading, app)
		return err
	})
	return all, unmeasured, group.Wait()
}

// Objects renders a spec for this cluster, without the values of secrets. The objects have no hash, because another tool may
// change them.
func (rd *Reader) Objects(ctx context.Context, spec pod.Spec) ([]report.File, error) {
	if err := spec.Unset(); err != nil {
		return nil, err
	}
	cluster, err := rd.cluster(ctx, spec)
	if err != nil {
		return nil, err
	}
	objects, err := render.Objects(rd.Pod, spec, cluster)
	if err != nil {
		return nil, err
	}
	var all []report.File
	add := func(kind, name string, document any) error {
		text, err := yaml.Marshal(document)
		all = append(all, report.File{Kind: strings.ToLower(kind), Name: name, Document: document, Text: string(text)})
		return err
	}
	for _, cm := range rd.store.ConfigMaps(spec) {
		if err := add(cm.Kind, cm.Name, cm); err != nil {
			return nil, err
		}
	}
	for _, o := range objects {
		annotations := o.GetAnnotations()
		if delete(annotations, object.AnnotationHash); len(annotations) == 0 {
			annotations = nil
		}
		o.SetAnnotations(annotations)
		if err := add(o.GetKind(), o.GetName(), o.Object); err != nil {
			return nil, err
		}
	}
	return all, nil
}
