// Command load sends requests to a route, counts the answers, and fails if a request failed. It is the
// constant load of the demo and of the tests that promise that no request is lost.
//
//	load -dial 127.0.0.1:8443 -ca ca.crt -requests 1000 https://web-shop.localhost/
//	load -dial 127.0.0.1:8443 -ca ca.crt https://web-shop.localhost/   # until it is interrupted
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// load describes the requests to send.
type load struct {
	url      string
	dial     string // the address of the gateway, whatever host the URL names
	ca       string // a file with the certificates to trust
	requests int    // 0: until the context is done
	rate     int    // requests per second, 0: as many as the clients can
	clients  int
}

// result counts the answers by their text. An answer that is not 200 and a request without an answer
// are failures, which are counted by their reason.
type result struct {
	Requests int            `json:"requests"`
	Seconds  float64        `json:"seconds"`
	Answers  map[string]int `json:"answers"`
	Failed   int            `json:"failed"`
	Failures map[string]int `json:"failures,omitempty"`
}

func main() {
	var l load
	flag.StringVar(&l.dial, "dial", "", "address to connect to, whatever host the URL names")
	flag.StringVar(&l.ca, "ca", "", "file with the certificates to trust")
	flag.IntVar(&l.requests, "requests", 0, "how many requests to send; 0: until interrupted")
	flag.IntVar(&l.rate, "rate", 0, "requests per second; 0: as many as the clients can")
	flag.IntVar(&l.clients, "clients", 4, "clients at the same time, each keeps its connection")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if flag.NArg() != 1 || l.clients < 1 {
		fmt.Fprintln(os.Stderr, "usage: load [flags] URL")
		os.Exit(2)
	}
	l.url = flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := l.run(ctx)
	if err == nil {
		err = r.print(os.Stdout, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
	}
	if err != nil || r.Failed > 0 || r.Requests == 0 {
		os.Exit(1)
	}
}

// run sends the requests. When the context ends it sends no more, and waits for those that it has sent.
func (l load) run(ctx context.Context) (result, error) {
	clients := make([]*http.Client, l.clients)
	for i := range clients {
		var err error
		if clients[i], err = l.client(); err != nil {
			return result{}, err
		}
	}
	r := result{Answers: map[string]int{}, Failures: map[string]int{}}
	begin := time.Now()
	tickets := l.tickets(ctx)
	var lock sync.Mutex
	var group sync.WaitGroup
	for _, client := range clients {
		group.Go(func() {
			for range tickets {
				answer, err := get(client, l.url)
				lock.Lock()
				r.count(answer, err)
				lock.Unlock()
			}
		})
	}
	group.Wait()
	r.Seconds = time.Since(begin).Seconds()
	return r, nil
}

// tickets returns a channel with a ticket for each request, at the requested number and rate.
func (l load) tickets(ctx context.Context) <-chan struct{} {
	tickets := make(chan struct{})
	go func() {
		defer close(tickets)
		var due <-chan time.Time
		if l.rate > 0 {
			ticker := time.NewTicker(time.Second / time.Duration(l.rate))
			defer ticker.Stop()
			due = ticker.C
		}
		for n := 0; l.requests == 0 || n < l.requests; n++ {
			if l.rate > 0 {
				select {
				case <-due:
				case <-ctx.Done():
					return
				}
			}
			select {
			case tickets <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return tickets
}

// client returns an HTTP client with its own connections.
func (l load) client() (*http.Client, error) {
	transport := &http.Transport{}
	if l.dial != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, l.dial)
		}
	}
	if l.ca != "" {
		pem, err := os.ReadFile(l.ca)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", l.ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}

func get(client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}

// count adds one answer, regardless of the instance that gave it.
func (r *result) count(answer string, err error) {
	r.Requests++
	if err != nil {
		r.Failed++
		r.Failures[err.Error()]++
		return
	}
	what, _, _ := strings.Cut(answer, " (instance ")
	r.Answers[strings.TrimSpace(what)]++
}

func (r result) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var text strings.Builder
	for _, counts := range []map[string]int{r.Answers, r.Failures} {
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&text, "%6d  %s\n", counts[what], what)
		}
	}
	fmt.Fprintf(&text, "%6d  requests, %d failed (%.0f a second)\n", r.Requests, r.Failed, float64(r.Requests)/r.Seconds)
	_, err := io.WriteString(w, text.String())
	return err
}
