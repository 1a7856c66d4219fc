package main

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Every tenth answer is v2's, every fiftieth request fails: the counts say so.
func TestRunCountsAnswersAndFailures(t *testing.T) {
	var seen atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := seen.Add(1)
		switch {
		case n%50 == 0 || r.Host != "example.com": // httptest's certificate is for example.com
			http.Error(w, "no upstream", http.StatusBadGateway)
		case n%10 == 0:
			_, _ = w.Write([]byte("hello from v2 (instance web-b)\n"))
		default:
			_, _ = w.Write([]byte("hello from v1 (instance web-a)\n"))
		}
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}

	l := load{url: "https://example.com/", dial: server.Listener.Addr().String(), ca: ca, requests: 200, clients: 4}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Seconds <= 0 {
		t.Errorf("the run took %v s", r.Seconds)
	}
	r.Seconds = 2
	var text strings.Builder
	if err := r.print(&text, false); err != nil {
		t.Fatal(err)
	}
	want := `   180  hello from v1
    16  hello from v2
     4  502 Bad Gateway: no upstream
   200  requests, 4 failed (100 a second)
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	text.Reset()
	if err := r.print(&text, true); err != nil {
		t.Fatal(err)
	}
	want = `{"requests":200,"seconds":2,"answers":{"hello from v1":180,"hello from v2":16},"failed":4,"failures":{"502 Bad Gateway: no upstream":4}}` + "\n"
	if text.String() != want {
		t.Errorf("got %s want %s", text.String(), want)
	}
}

// Without a number of requests it runs until its context ends, and the end itself is not a failure.
func TestRunUntilInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		<-ctx.Done()
		_, _ = w.Write([]byte("ok"))
	}))
	defer server.Close()
	r, err := load{url: server.URL, clients: 2}.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests == 0 || r.Failed > 0 || r.Answers["ok"] != r.Requests {
		t.Errorf("got %+v", r)
	}
}
