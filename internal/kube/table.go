package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/pscdev/psc/internal/fault"
)

// Found has the objects of one kind that Find found: a Table or Items.
type Found struct {
	Kind  Kind
	Table *metav1.Table
	Items []unstructured.Unstructured
}

// Find reads objects of any kind in a namespace, by the names that kubectl accepts: "pods", "deploy,svc", "po/web-1". With table
// it asks for the columns that the server has for people, else for the objects.
func (c *Client) Find(ctx context.Context, namespace, types string, names []string, selector string, table bool) ([]Found, error) {
	known, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	var found []Found
	for name := range strings.SplitSeq(types, ",") {
		name, one, single := strings.Cut(name, "/")
		wanted := names
		if single {
			wanted = []string{one}
		}
		kind, err := known.named(name)
		if err != nil {
			return nil, err
		}
		f, err := c.find(ctx, kind, namespace, wanted, selector, table)
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	return found, nil
}

func (c *Client) find(ctx context.Context, of discovered, namespace string, names []string, selector string, table bool) ([]Found, error) {
	if !of.namespaced {
		return nil, fault.New(fault.Usage, "%s belong to the cluster, not to a pod", of.resource).WithHint("kubectl get %s", of.resource)
	}
	paths := []string{""}
	if len(names) > 0 {
		paths = names
	}
	var out []Found
	for _, name := range paths {
		data, err := retry(ctx, c, func() ([]byte, error) {
			return c.raw(ctx, of.kind.GroupVersion().WithResource(of.resource), namespace, name, selector, table)
		})
		if err != nil {
			return nil, c.wrap(err, "read %s", strings.TrimSpace(of.resource+" "+name))
		}
		f := Found{Kind: of.kind}
		if table {
			f.Table = &metav1.Table{}
			err = json.Unmarshal(data, f.Table)
		} else {
			f.Items, err = items(data)
			for i := range f.Items {
				f.Items[i].SetGroupVersionKind(f.Kind) // the items of a list have none
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", of.resource, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// raw reads one object, or with an empty name all objects of a resource.
func (c *Client) raw(ctx context.Context, gvr schema.GroupVersionResource, namespace, name, selector string, table bool) ([]byte, error) {
	client, err := c.rest(gvr.GroupVersion())
	if err != nil {
		return nil, err
	}
	request := client.Get().Namespace(namespace).Resource(gvr.Resource)
	if name != "" {
		if err := impossible(gvr.GroupResource(), name); err != nil {
			return nil, err
		}
		request = request.Name(name)
	} else if selector != "" {
		request = request.Param("labelSelector", selector)
	}
	if table {
		request = request.SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	} else {
		request = request.SetHeader("Accept", "application/json")
	}
	result := request.Do(ctx)
	data, err := result.Raw()
	if err != nil {
		return nil, errors.Join(result.Error())
	}
	return data, nil
}

// rest makes plain requests to the resources of one version of an API.
func (c *Client) rest(version schema.GroupVersion) (*rest.RESTClient, error) {
	return c.restWith(c.http, version)
}

func (c *Client) restWith(client *http.Client, version schema.GroupVersion) (*rest.RESTClient, error) {
	config := rest.CopyConfig(c.config)
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	answers := runtime.NewScheme() // to read the errors of the API server
	metav1.AddToGroupVersion(answers, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(answers).WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, client)
}

func items(data []byte) ([]unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	if !o.IsList() {
		return []unstructured.Unstructured{*o}, nil
	}
	list, err := o.ToList()
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// WatchFound is WatchMeta for the objects that Find finds.
func (c *Client) WatchFound(ctx context.Context, namespace, types, selector string) (*Watch, error) {
	known, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	var kinds []Kind
	resources := map[Kind]schema.GroupVersionResource{}
	for name := range strings.SplitSeq(types, ",") {
		name, _, _ = strings.Cut(name, "/")
		of, err := known.named(name)
		if err != nil {
			return nil, err
		}
		if _, twice := resources[of.kind]; !twice && of.namespaced { // Find refuses the others
			kinds = append(kinds, of.kind)
		}
		resources[of.kind] = of.kind.GroupVersion().WithResource(of.resource)
	}
	return c.watch(ctx, c.meta(namespace, func(kind Kind) schema.GroupVersionResource { return resources[kind] }, func(o *metav1.ListOptions) {
		o.LabelSelector = selector
	}), kinds)
}
