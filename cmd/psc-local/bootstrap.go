package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

//go:embed bootstrap.yaml
var bootstrapYAML string

// bootstrap applies the objects that psc expects in a cluster and waits until all of them work. It can be
// repeated. It sends all objects at once, and each again until the API server accepts it: the API server
// decides in which order it comes to know their kinds.
func bootstrap(ctx context.Context, c cluster, p plan) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.path(adminFile))
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	objects, err := bootstrapObjects(c, p)
	if err != nil {
		return err
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := retry(ctx, func() error {
		return core.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}, "API server"); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, o := range objects {
		group.Go(func() error {
			return apply(ctx, client, o)
		})
	}
	for _, w := range waits(p) {
		group.Go(func() error {
			return w.wait(ctx, client)
		})
	}
	return group.Wait()
}

// bootstrapObjects returns the CRDs of the Gateway API and our own objects.
func bootstrapObjects(c cluster, p plan) ([]*unstructured.Unstructured, error) {
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	data := struct {
		plan
		CA, Node  string
		Simulated []string
	}{plan: p, CA: base64.StdEncoding.EncodeToString(ca), Node: nodeAddress}
	if p.Nodes == nodesSimulated {
		data.Simulated = simulatedNodes()
	}
	var own bytes.Buffer
	if err := template.Must(template.New("bootstrap").Parse(bootstrapYAML)).Execute(&own, data); err != nil {
		return nil, err
	}
	texts := [][]byte{own.Bytes()}
	files, err := filepath.Glob(distFile("crds/*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no CRDs at %s: build with build.sh", distFile("crds"))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	var objects []*unstructured.Unstructured
	for _, text := range texts {
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for {
			var o unstructured.Unstructured
			if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if len(o.Object) > 0 {
				objects = append(objects, &o)
			}
		}
	}
	return objects, nil
}

// distFile returns the path of a file that build.sh put beside this binary.
func distFile(name string) string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return filepath.Join(filepath.Dir(self), name)
}

// apply sends an object until the API server accepts it or rejects it for good.
func apply(ctx context.Context, client dynamic.Interface, o *unstructured.Unstructured) error {
	gvr, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	gvr.Resource = strings.Replace(gvr.Resource, "gatewaies", "gateways", 1) // the guess treats Gateway like Policy
	resource := client.Resource(gvr).Namespace(o.GetNamespace())
	return retry(ctx, func() error {
		_, err := resource.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "psc-local", Force: true})
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
			return permanent{err}
		}
		return err
	}, o.GetKind()+" "+o.GetName())
}

// wait is an object that must exist before the cluster is usable. If condition is set, that condition of
// the object must be True.
type wait struct {
	resource        schema.GroupVersionResource
	namespace, name string
	condition       string
}

func waits(p plan) []wait {
	nodes := []string{nodeName}
	if p.Nodes == nodesSimulated {
		nodes = simulatedNodes()
	}
	var all []wait
	for _, name := range nodes {
		all = append(all, wait{resource: schema.GroupVersionResource{Version: "v1", Resource: "nodes"}, name: name, condition: "Ready"})
	}
	return append(all,
		wait{resource: schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, namespace: "default", name: "default"},
		wait{resource: schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}, name: "v1beta1.metrics.k8s.io", condition: "Available"},
		wait{resource: schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}, namespace: "psc-system", name: "psc", condition: "Programmed"},
	)
}

func (w wait) wait(ctx context.Context, client dynamic.Interface) error {
	return retry(ctx, func() error {
		o, err := client.Resource(w.resource).Namespace(w.namespace).Get(ctx, w.name, metav1.GetOptions{})
		if err != nil || w.condition == "" {
			return err
		}
		conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == w.condition && c["status"] == "True" {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("not %s", w.condition))
	}, w.resource.Resource+" "+w.name)
}

// permanent is an error that a retry cannot fix.
type permanent struct{ error }

// retry calls do until it succeeds, it fails with a permanent error, or ctx ends. It returns the last error.
func retry(ctx context.Context, do func() error, what string) error {
	for {
		err := do()
		var fatal permanent
		if err == nil {
			return nil
		}
		if errors.As(err, &fatal) {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
