package cli_test

import (
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"
)

type proxiedKey struct{}

// proxied starts an HTTP proxy for the user robot with the password hidden-word, whose tunnels all lead to the API server, as if that
// was elsewhere. $PROXY is its address, and the kubeconfig proxied names it.
//
//	proxied passed  checks that there were tunnels since the last check
func (c *cluster) proxied(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: proxied [passed]")
	}
	tunnels, _ := ts.Value(proxiedKey{}).(*atomic.Int64)
	if len(args) == 1 {
		if tunnels.Swap(0) == 0 {
			ts.Fatalf("there was no tunnel")
		}
		return
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*c.users, "admin", &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	ts.Check(err)
	server, err := url.Parse(config.Host)
	ts.Check(err)
	proxy := httptest.NewUnstartedServer(tunnelTo(server.Host, tunnels))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.Start()
	ts.Defer(proxy.CloseClientConnections)
	address := proxy.Listener.Addr().String()
	kubeconfig := c.users.DeepCopy()
	for _, cluster := range kubeconfig.Clusters {
		cluster.ProxyURL = "http://robot:hidden-word@" + address
	}
	ts.Check(clientcmd.WriteToFile(*kubeconfig, filepath.Join(ts.Getenv("WORK"), "proxied")))
	ts.Setenv("PROXY", address)
}

// tunnelTo opens a tunnel to an address for each CONNECT of the user robot.
func tunnelTo(address string, tunnels *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("robot:hidden-word")) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		behind, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer behind.Close()
		front, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer front.Close()
		if _, err := io.WriteString(front, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			return
		}
		tunnels.Add(1)
		go func() {
			_, _ = io.Copy(behind, buffered)
			_ = behind.Close()
		}()
		_, _ = io.Copy(front, behind)
	}
}
