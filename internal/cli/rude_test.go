package cli_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// rude N puts a proxy before the API server that spoils every Nth request in one way after the other, before it gets to
// the server or on its way back.
func (c *cluster) rude(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rude N")
	}
	every, err := strconv.Atoi(args[0])
	ts.Check(err)
	behind, err := c.proxy()
	ts.Check(err)
	front := httptest.NewServer(&rudeServer{behind: behind, every: every, watches: map[string]int{}})
	ts.Defer(front.CloseClientConnections)
	ts.Setenv("KUBECONFIG", kubeconfigFor(ts, "rude", front.URL))
}

// proxy hands requests to the API server, as admin.
func (c *cluster) proxy() (http.Handler, error) {
	config, err := clientcmd.NewNonInteractiveClientConfig(*c.users, "admin", &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	server, err := url.Parse(config.Host)
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(server) },
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}, err
}

type rudeServer struct {
	behind http.Handler
	every  int

	mu      sync.Mutex
	count   int
	watches map[string]int
}

// ServeHTTP implements http.Handler.
func (s *rudeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("watch") {
		s.watch(w, r)
		return
	}
	s.mu.Lock()
	s.count++
	spoil, way := s.count%s.every == 0, s.count/s.every%8
	s.mu.Unlock()
	if !spoil {
		s.behind.ServeHTTP(w, r)
		return
	}
	switch way {
	case 0:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusTooManyRequests)
	case 1:
		http.Error(w, "broken", http.StatusInternalServerError)
	case 2:
		http.Error(w, "<html>", http.StatusBadGateway)
	case 3:
		http.Error(w, "restarting", http.StatusServiceUnavailable)
	case 4:
		s.take(r)
		http.Error(w, "slow", http.StatusGatewayTimeout)
	case 5:
		panic(http.ErrAbortHandler) // closes the connection
	case 6:
		s.take(r)
		panic(http.ErrAbortHandler)
	case 7:
		answer := s.take(r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
		w.WriteHeader(answer.Code)
		_, _ = io.CopyN(w, answer.Body, int64(answer.Body.Len()/2)) // an answer that ends in the middle
	}
}

// take hands a request to the server and keeps the answer.
func (s *rudeServer) take(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.behind.ServeHTTP(answer, r)
	return answer
}

// watch refuses the first watch of each resource as too old, and cuts off the second; the third may stay.
func (s *rudeServer) watch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.watches[r.URL.Path]++
	n := s.watches[r.URL.Path]
	s.mu.Unlock()
	switch n {
	case 1:
		http.Error(w, "too old", http.StatusGone)
	case 2:
		ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
		defer cancel()
		s.behind.ServeHTTP(w, r.WithContext(ctx))
	default:
		s.behind.ServeHTTP(w, r)
	}
}
