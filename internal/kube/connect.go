// Package kube is the only client of the API server.
//
//	kubeconfig -- Connect --> Client -- Get, List, Apply, Watch, … --> objects
//
// It makes requests and does not know their purpose. Its errors have an exit code if the answer implies one (not signed in, not
// allowed), and work with k8s.io/apimachinery/pkg/api/errors.
package kube

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/klog/v2"

	"github.com/pscdev/psc/internal/fault"
)

// Options say which cluster to talk to, and how.
type Options struct {
	// Kubeconfig is a path; empty for that in KUBECONFIG, or ~/.kube/config.
	Kubeconfig string
	// Context is the name of a context; empty for the kubeconfig's current one.
	Context string
	// Config is used instead of the kubeconfig, when it is not nil.
	Config *clientcmdapi.Config
	// Credentials has the tokens of users whose credential plugin is psc. If it is nil, psc runs as their plugin.
	Credentials Credentials
	// UserAgent is the name of psc in requests: "psc/1.2.3".
	UserAgent string
	// Trace is called with each request, when it is not nil.
	Trace func(Request)
	// Outage is called once when the server has stopped answering, when it is not nil. Requests are still retried.
	Outage func(why error)
}

// Kubeconfig is the content of a kubeconfig.
type Kubeconfig = clientcmdapi.Config

// Client talks to one API server as one user. It is safe for concurrent use.
type Client struct {
	// Context is the name of the kubeconfig's context.
	Context string
	// Server is the address of the API server.
	Server string

	signIn   SignIn // without own
	own      *own   // nil for users whose credential plugin is not psc
	config   *rest.Config
	http     *http.Client
	dynamic  dynamic.Interface
	metadata metadata.Interface
	// logs is the client for logs. With HTTP/2 up to 4 MiB of each log would wait in memory for lines of the others.
	logs     func() (*http.Client, error)
	answered atomic.Bool // the server has answered at least once
}

// quiet turns off the log of client-go: it retries by itself, and errors have everything that users need.
var quiet = sync.OnceFunc(func() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) })

// Connect reads the kubeconfig and makes a Client. It does not dial.
func Connect(o Options) (*Client, error) {
	quiet()
	raw, name, err := load(o)
	if err != nil {
		return nil, err
	}
	c, err := newClient(raw, name, o)
	if err != nil {
		return nil, fault.New(fault.Usage, "context %q of the kubeconfig cannot be used: %w", name, unusable(raw, name, err)).
			WithHint("%s", otherContext(raw, name))
	}
	c.signIn = signIn(raw, name)
	return c, nil
}

func newClient(raw *clientcmdapi.Config, name string, o Options) (*Client, error) {
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, name, &clientcmd.ConfigOverrides{}, Rules(o.Kubeconfig)).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = o.UserAgent
	// The API server's priority and fairness is the limit; client-go's own default of 5 requests a second is off.
	config.QPS = -1
	config.Wrap(nameProxy)
	if o.Trace != nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return tracer{next: next, trace: o.Trace} })
	}
	if o.Outage != nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &outage{next: next, report: o.Outage} })
	}
	own := ownOf(raw.AuthInfos[raw.Contexts[name].AuthInfo], o.Credentials)
	if own != nil {
		config.ExecProvider = nil
		config.Wrap(own.wrap)
	}
	httpClient := func(config *rest.Config) (*http.Client, error) {
		client, err := rest.HTTPClientFor(config)
		if err == nil && (config.ExecProvider != nil || own != nil) {
			client.Transport = interruptible{client.Transport}
		}
		return client, err
	}
	client, err := httpClient(config)
	if err != nil {
		return nil, err
	}
	c := &Client{Context: name, Server: config.Host, config: config, http: client, own: own}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	c.logs = sync.OnceValues(func() (*http.Client, error) {
		config := rest.CopyConfig(config)
		config.NextProtos = []string{"http/1.1"}
		return httpClient(config)
	})
	return c, nil
}

// nameProxy makes the transport of client-go name a proxy that opens no tunnel.
func nameProxy(next http.RoundTripper) http.RoundTripper {
	for inner := next; ; {
		switch t := inner.(type) {
		case *http.Transport:
			if t.OnProxyConnectResponse == nil { // clients share it
				t.OnProxyConnectResponse = ProxyAnswer
			}
			return next
		case utilnet.RoundTripperWrapper:
			inner = t.WrappedRoundTripper()
		default:
			return next
		}
	}
}

// ProxyAnswer returns an error that names a proxy which opens no tunnel, for http.Transport. The one of net/http does not name it.
func ProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("the proxy %s opens no connection: %s", proxy.Host, answer.Status)
}

// Authority returns the certificate authority of the API server, in PEM; empty if it is one of the system.
func (c *Client) Authority() ([]byte, error) {
	if len(c.config.CAData) > 0 || c.config.CAFile == "" {
		return c.config.CAData, nil
	}
	data, err := os.ReadFile(c.config.CAFile)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	return data, nil
}

// As converts an object to its type, such as *appsv1.Deployment.
func As[T any](o *unstructured.Unstructured) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, out); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return out, nil
}
