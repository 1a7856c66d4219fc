package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The addresses inside every cluster. They mean nothing outside of it.
const (
	nodeName          = "local"
	nodeAddress       = "10.97.0.1"
	apiServiceAddress = "10.96.0.1"
	serviceRange      = "10.96.0.0/16"
	instanceRange     = "10.244.0.0/16"
)

// component is a program that the supervisor keeps running in the cluster's folder. All paths in its
// arguments are relative to that folder.
type component struct {
	name   string
	module string // the Go module whose version is the component's
	args   []string
	after  []string                    // components that must be ready first
	ready  func(context.Context) error // nil: ready as soon as it runs
}

// components returns the components of a cluster, in the order in which `status` lists them.
func components(p plan) []component {
	var signIn []string
	if p.Issuer != "" {
		signIn = []string{"--authentication-config=" + authenticationFile}
	}
	all := []component{{
		name: "etcd", module: "go.etcd.io/etcd/server/v3", ready: dials("etcd.sock"),
		args: []string{
			"--data-dir=etcd", "--unsafe-no-fsync", "--log-level=warn",
			"--listen-client-urls=unix://etcd.sock", "--listen-peer-urls=unix://etcd-peer.sock",
			// No client dials these, but etcd requires them and accepts no Unix sockets here.
			"--advertise-client-urls=http://127.0.0.1:2379", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=default=http://127.0.0.1:2380",
		},
	}, {
		name: "kube-apiserver", module: "k8s.io/kubernetes", after: []string{"etcd"}, ready: serves(p.server() + "/readyz"),
		args: append([]string{
			"--etcd-servers=unix://etcd.sock", "--bind-address=" + listenAddress(p), "--secure-port=" + strconv.Itoa(p.API),
			"--advertise-address=" + nodeAddress, "--service-cluster-ip-range=" + serviceRange,
			"--tls-cert-file=pki/apiserver.crt", "--tls-private-key-file=pki/apiserver.key",
			"--client-ca-file=pki/ca.crt", "--token-auth-file=pki/tokens.csv", "--authorization-mode=Node,RBAC",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=pki/sa.crt", "--service-account-signing-key-file=pki/sa.key",
			"--kubelet-certificate-authority=pki/ca.crt", "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=pki/admin.crt", "--kubelet-client-key=pki/admin.key",
			"--requestheader-client-ca-file=pki/ca.crt", "--requestheader-allowed-names=front-proxy",
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file=pki/front-proxy.crt", "--proxy-client-key-file=pki/front-proxy.key",
			"--allow-privileged=true",
		}, signIn...),
	}, {
		// The default client limit of 20 requests a second makes a hundred rollouts take half a minute.
		name: "kube-controller-manager", module: "k8s.io/kubernetes", after: []string{"kube-apiserver"},
		args: []string{
			"--kubeconfig=" + adminFile, "--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000",
			"--service-account-private-key-file=pki/sa.key", "--root-ca-file=pki/ca.crt",
			"--allocate-node-cidrs=true", "--cluster-cidr=" + instanceRange, "--node-cidr-mask-size=20",
			"--enable-hostpath-provisioner=" + strconv.FormatBool(p.Nodes == nodesReal),
			"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20", "--concurrent-service-endpoint-syncs=20",
			"--concurrent-endpoint-syncs=20", "--concurrent-namespace-syncs=20", "--concurrent-serviceaccount-token-syncs=20",
		},
	}, {
		name: "kube-scheduler", module: "k8s.io/kubernetes", after: []string{"kube-apiserver"},
		args: []string{
			"--kubeconfig=" + adminFile, "--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000",
		},
	}}
	if p.Nodes == nodesReal {
		all = append(all, nodeComponents()...)
	} else {
		all = append(all, component{
			name: "kwok", module: "sigs.k8s.io/kwok", after: []string{"kube-apiserver"},
			args: []string{
				"--kubeconfig=" + adminFile, "--config=kwok.yaml", "--manage-all-nodes", "--node-lease-duration-seconds=40",
				"--node-ip=127.0.0.1", "--node-port=" + strconv.Itoa(p.Kubelet), "--server-address=" + loopback(p.Kubelet),
				"--tls-cert-file=pki/kubelet.crt", "--tls-private-key-file=pki/kubelet.key",
			},
		})
	}
	return append(all, component{
		name: "metrics-server", module: "sigs.k8s.io/metrics-server", after: []string{"kube-apiserver"},
		args: []string{
			"--kubeconfig=" + adminFile, "--authentication-kubeconfig=" + adminFile, "--authorization-kubeconfig=" + adminFile,
			"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(p.Metrics), "--metric-resolution=10s", "--kubelet-request-timeout=5s",
			"--tls-cert-file=pki/metrics-server.crt", "--tls-private-key-file=pki/metrics-server.key",
			"--kubelet-certificate-authority=pki/ca.crt", "--kubelet-preferred-address-types=InternalIP",
		},
	}, component{
		name: "gateway", module: "github.com/caddyserver/caddy/v2", after: []string{"kube-apiserver"},
	})
}

// nodeComponents returns the components of a real node. writeNodeConfig writes their configuration files.
func nodeComponents() []component {
	return []component{{
		name: "containerd", module: "github.com/containerd/containerd/v2", ready: dials("containerd.sock"),
		args: []string{"--config=containerd.toml"},
	}, {
		name: "kubelet", module: "k8s.io/kubernetes", after: []string{"kube-apiserver", "containerd"},
		args: []string{
			"--kubeconfig=kubelet.kubeconfig", "--config=kubelet.yaml", "--root-dir=" + filepath.Join(nodeDir, "kubelet"),
			"--hostname-override=" + nodeName, "--node-ip=" + nodeAddress,
		},
	}, {
		name: "kube-proxy", module: "k8s.io/kubernetes", after: []string{"kube-apiserver"},
		args: []string{
			"--kubeconfig=" + adminFile, "--proxy-mode=nftables", "--hostname-override=" + nodeName,
			"--cluster-cidr=" + instanceRange, "--conntrack-max-per-core=0", "--iptables-min-sync-period=50ms",
		},
	}, {
		name: "netpol", module: "k8s.io/client-go", after: []string{"kube-apiserver"}, // its own, for NetworkPolicies
	}, {
		name: "coredns", module: "github.com/coredns/coredns", after: []string{"kube-apiserver"}, ready: serves("http://127.0.0.1:8181/ready"),
		args: []string{"-conf", "Corefile"},
	}}
}

// listenAddress is where the API server listens: inside its own network every address is private.
func listenAddress(p plan) string {
	if p.Nodes == nodesReal {
		return "0.0.0.0"
	}
	return "127.0.0.1"
}

// dials returns a check that a process listens on a Unix socket in the cluster's folder.
func dials(socket string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// serves returns a check that url answers 200 to the administrator's certificate.
func serves(url string) func(context.Context) error {
	var client *http.Client
	return func(ctx context.Context) error {
		if client == nil {
			pair, err := tls.LoadX509KeyPair("pki/admin.crt", "pki/admin.key")
			if err != nil {
				return err
			}
			ca, err := os.ReadFile("pki/ca.crt")
			if err != nil {
				return err
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(ca)
			client = &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair},
			}}}
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, response.Status)
		}
		return nil
	}
}
