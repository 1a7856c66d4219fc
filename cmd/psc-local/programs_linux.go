package main

import (
	"context"
	"fmt"
	"os"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins" // containerd's own plugins
	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind" // the plugins that our Corefile names
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"github.com/pscdev/psc/cmd/psc-local/netpol"
)

// nodePrograms returns the components of a real node.
func nodePrograms() map[string]func() int {
	return map[string]func() int{
		"containerd": func() int {
			if err := command.App().Run(os.Args); err != nil {
				fmt.Fprintf(os.Stderr, "containerd: %v\n", err)
				return 1
			}
			return 0
		},
		"kubelet":    func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
		"kube-proxy": func() int { return cli.Run(proxy.NewProxyCommand()) },
		"netpol": func() int {
			return exit("netpol", func(ctx context.Context) error {
				config, err := clientcmd.BuildConfigFromFlags("", adminFile)
				if err != nil {
					return err
				}
				return netpol.Run(ctx, config)
			})
		},
		"coredns": func() int {
			dnsserver.Directives = []string{"bind", "errors", "ready", "cache", "kubernetes"}
			coremain.Run()
			return 0
		},
	}
}
