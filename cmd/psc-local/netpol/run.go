package netpol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const debounce = 20 * time.Millisecond // objects arrive in bursts

// Run enforces the policies of a cluster in the network namespace of this process until ctx ends, or until a policy cannot be
// enforced.
func Run(ctx context.Context, config *rest.Config) error {
	// Connections between pods of one bridge are only seen with this.
	if err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte("1"), 0o644); err != nil { //nolint:gosec // not a file
		return fmt.Errorf("see the traffic of bridges: %w", err)
	}
	config = rest.CopyConfig(config)
	config.UserAgent = "psc-local-netpol"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces, policies := factory.Core().V1().Pods(), factory.Core().V1().Namespaces(), factory.Networking().V1().NetworkPolicies()
	dirty := make(chan struct{}, 1)
	changed := func() {
		select {
		case dirty <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { changed() }, UpdateFunc: func(any, any) { changed() }, DeleteFunc: func(any) { changed() },
		}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	changed()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-dirty:
		}
		time.Sleep(debounce)
		allPods, podsErr := pods.Lister().List(labels.Everything())
		allNamespaces, namespacesErr := namespaces.Lister().List(labels.Everything())
		allPolicies, policiesErr := policies.Lister().List(labels.Everything())
		table, tableErr := NewTable(allPods, allNamespaces, allPolicies)
		err := errors.Join(podsErr, namespacesErr, policiesErr, tableErr)
		if rules := table.Ruleset(); err == nil && rules != last {
			if err = apply(ctx, rules); err == nil {
				last = rules
			}
		}
		if err != nil {
			return err
		}
	}
}

// apply gives a script to nft.
func apply(ctx context.Context, rules string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	var says bytes.Buffer
	cmd.Stderr = &says
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, says.String())
	}
	return nil
}
