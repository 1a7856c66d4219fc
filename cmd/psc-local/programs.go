package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the log format that the components know
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the components' clients
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	metrics "sigs.k8s.io/metrics-server/cmd/metrics-server/app"

	"github.com/pscdev/psc/cmd/psc-local/gateway"
)

// programs returns the components that this binary can be. Each reads os.Args, runs until it ends, and
// returns its exit code.
func programs() map[string]func() int {
	all := map[string]func() int{
		"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
		"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		"kube-controller-manager": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"metrics-server": func() int {
			return cli.Run(metrics.NewMetricsServerCommand(genericapiserver.SetupSignalHandler()))
		},
		"kwok":    runKwok,
		"gateway": runGateway,
	}
	for name, start := range nodePrograms() {
		all[name] = start
	}
	return all
}

// runKwok simulates the nodes and instances of a cluster, as cmd/kwok of its module does.
func runKwok() int {
	return exit("kwok", func(ctx context.Context) error {
		flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
		flags.ParseErrorsAllowlist.UnknownFlags = true
		ctx, _ = kwoklog.InitFlags(ctx, flags)
		ctx, err := kwokconfig.InitFlags(ctx, flags)
		if err != nil {
			return err
		}
		command := kwok.NewCommand(ctx)
		command.Version = "" // its flag exists already: Kubernetes' packages add one to every command
		command.PersistentFlags().AddFlagSet(flags)
		return command.ExecuteContext(ctx)
	})
}

// runGateway serves the routes of the cluster whose folder is the current one.
func runGateway() int {
	return exit("gateway", func(ctx context.Context) error {
		p, err := readPlan(".")
		if err != nil {
			return err
		}
		config, err := clientcmd.BuildConfigFromFlags("", adminFile)
		if err != nil {
			return err
		}
		return gateway.Run(ctx, gateway.Options{
			Config: config,
			HTTP:   loopback(p.HTTP), HTTPS: loopback(p.HTTPS),
			HTTPPort: p.HTTP, HTTPSPort: p.HTTPS,
			Dir: "gateway",
		})
	})
}

// exit runs a component until it ends or a signal stops it, and turns its error into an exit code.
func exit(name string, start func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}
