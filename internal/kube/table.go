package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

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
	d, err := discovery.NewDiscoveryClientForConfigAndClient(c.config, c.http)
	if err != nil {
		return nil, err
	}
	cached := memory.NewMemCacheClient(d)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, func(string) {})
	var found []Found
	for name := range strings.SplitSeq(types, ",") {
		kind, one, single := strings.Cut(name, "/")
		wanted := names
		if single {
			wanted = []string{one}
		}
		mapping, err := retry(ctx, c, func() (*meta.RESTMapping, error) { return c.mapping(mapper, kind) })
		if err != nil {
			return nil, err
		}
		f, err := c.find(ctx, mapping, namespace, wanted, selector, table)
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	return found, nil
}

func (c *Client) mapping(mapper meta.RESTMapper, name string) (*meta.RESTMapping, error) {
	full, group := schema.ParseResourceArg(strings.ToLower(name))
	var kind Kind
	var err error
	if full != nil {
		kind, err = mapper.KindFor(*full)
	}
	if full == nil || err != nil {
		kind, err = mapper.KindFor(group.WithVersion(""))
	}
	if meta.IsNoMatchError(err) {
		return nil, fault.New(fault.Usage, "the cluster has no kind %q", name)
	}
	if err != nil {
		return nil, c.wrap(err, "ask the cluster for its kinds")
	}
	return mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

func (c *Client) find(ctx context.Context, mapping *meta.RESTMapping, namespace string, names []string, selector string, table bool) ([]Found, error) {
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return nil, fault.New(fault.Usage, "%s belong to the cluster, not to a pod", mapping.Resource.Resource).
			WithHint("kubectl get %s", mapping.Resource.Resource)
	}
	paths := []string{""}
	if len(names) > 0 {
		paths = names
	}
	var out []Found
	for _, name := range paths {
		data, err := retry(ctx, c, func() ([]byte, error) {
			return c.raw(ctx, mapping.Resource, namespace, name, selector, table)
		})
		if err != nil {
			return nil, c.wrap(err, "read %s", strings.TrimSpace(mapping.Resource.Resource+" "+name))
		}
		f := Found{Kind: mapping.GroupVersionKind}
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
			return nil, fmt.Errorf("read %s: %w", mapping.Resource.Resource, err)
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
	config := rest.CopyConfig(c.config)
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, c.http)
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
