package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/pscdev/psc/internal/fault"
)

// aggregated asks for all kinds in one answer, which API servers have since Kubernetes 1.30:
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// kinds are the kinds of a cluster, by group. The core group is the first, and the preferred version of each group.
type kinds []apidiscovery.APIGroupDiscovery

// discovered is a kind of a cluster.
type discovered struct {
	kind       Kind
	resource   string
	namespaced bool
}

// discover asks the cluster for its kinds.
func (c *Client) discover(ctx context.Context) (kinds, error) {
	paths := []string{"/api", "/apis"}
	answers := make([]kinds, len(paths))
	group, asking := errgroup.WithContext(ctx)
	for i, path := range paths {
		group.Go(func() error {
			data, err := retry(asking, c, func() ([]byte, error) { return c.document(asking, path, aggregated) })
			if err != nil {
				return c.wrap(err, "ask the cluster for its kinds")
			}
			var list apidiscovery.APIGroupDiscoveryList
			if err := json.Unmarshal(data, &list); err != nil {
				return fmt.Errorf("ask the cluster for its kinds: %w", err)
			}
			answers[i] = list.Items
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(answers...), nil
}

// document reads a document of the API server that is not an object.
func (c *Client) document(ctx context.Context, path, accept string) ([]byte, error) {
	client, err := c.rest(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return nil, err
	}
	return client.Get().AbsPath(path).SetHeader("Accept", accept).Do(ctx).Raw()
}

// named finds a kind by a name that kubectl accepts: "deployments", "Deployment", "deploy", "deployments.apps" or
// "deployments.v1.apps".
func (all kinds) named(name string) (discovered, error) {
	withVersion, withGroup := schema.ParseResourceArg(strings.ToLower(name))
	wanted := []schema.GroupVersionResource{withGroup.WithVersion("")}
	if withVersion != nil {
		wanted = append(wanted, *withVersion)
	}
	full := func(r apidiscovery.APIResourceDiscovery) []string { return []string{r.Resource, r.SingularResource} }
	short := func(r apidiscovery.APIResourceDiscovery) []string { return r.ShortNames }
	for _, names := range []func(apidiscovery.APIResourceDiscovery) []string{full, short} {
		for _, resource := range wanted {
			if found, ok := all.find(resource, names); ok {
				return found, nil
			}
		}
	}
	return discovered{}, fault.New(fault.Usage, "the cluster has no kind %q", name)
}

// find returns the first kind for which names returns the name of a resource. The group of the resource may be the beginning of
// a group, and its version may be empty.
func (all kinds) find(wanted schema.GroupVersionResource, names func(apidiscovery.APIResourceDiscovery) []string) (discovered, bool) {
	for _, group := range all {
		if !strings.HasPrefix(group.Name, wanted.Group) {
			continue
		}
		for _, v := range group.Versions {
			if wanted.Version != "" && v.Version != wanted.Version {
				continue
			}
			for _, r := range v.Resources {
				if r.ResponseKind != nil && slices.Contains(names(r), wanted.Resource) {
					kind := Kind{Group: group.Name, Version: v.Version, Kind: r.ResponseKind.Kind}
					return discovered{kind, r.Resource, r.Scope == apidiscovery.ScopeNamespace}, true
				}
			}
		}
	}
	return discovered{}, false
}

// All reads the metadata of all objects in a namespace that can be deleted. unread are the kinds that the user may not list, or
// that did not answer.
func (c *Client) All(ctx context.Context, namespace string) (objects []metav1.PartialObjectMetadata, unread []string, err error) {
	known, err := c.discover(ctx)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, kind := range known.deletable() {
		group.Go(func() error {
			items, err := c.ListMeta(reading, kind, namespace, "")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				unread = append(unread, kind.Kind)
			}
			objects = append(objects, items...)
			return reading.Err()
		})
	}
	err = group.Wait()
	slices.SortFunc(objects, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	slices.Sort(unread)
	return objects, unread, err
}

// deletable returns the kinds in namespaces whose objects can be listed and deleted, each in the preferred version.
func (all kinds) deletable() []Kind {
	var out []Kind
	for _, group := range all {
		seen := map[string]bool{}
		for _, v := range group.Versions {
			for _, r := range v.Resources {
				if r.ResponseKind == nil || r.Scope != apidiscovery.ScopeNamespace || seen[r.Resource] || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") {
					continue
				}
				seen[r.Resource] = true
				out = append(out, Kind{Group: group.Name, Version: v.Version, Kind: r.ResponseKind.Kind})
			}
		}
	}
	return out
}

// Version returns the version of the API server: "v1.36.3".
func (c *Client) Version(ctx context.Context) (string, error) {
	data, err := retry(ctx, c, func() ([]byte, error) { return c.document(ctx, "/version", "application/json") })
	if err != nil {
		return "", c.wrap(err, "ask the cluster for its version")
	}
	var v version.Info
	err = json.Unmarshal(data, &v)
	return v.GitVersion, err
}

// Kinds returns a function that reports whether the cluster has a kind in its version, and its server answers.
func (c *Client) Kinds(ctx context.Context) (has func(Kind) bool, err error) {
	known, err := c.discover(ctx)
	return func(kind Kind) bool {
		for _, group := range known {
			for _, v := range group.Versions {
				if group.Name == kind.Group && v.Version == kind.Version && v.Freshness != apidiscovery.DiscoveryFreshnessStale &&
					slices.ContainsFunc(v.Resources, func(r apidiscovery.APIResourceDiscovery) bool {
						return r.ResponseKind != nil && r.ResponseKind.Kind == kind.Kind
					}) {
					return true
				}
			}
		}
		return false
	}, err
}
