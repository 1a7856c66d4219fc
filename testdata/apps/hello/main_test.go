package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	with := func(change func(*app)) *app {
		a := &app{version: "v2", instance: "web-1", greeting: "hi", starting: func() bool { return false }}
		change(a)
		return a
	}
	healthy := with(func(*app) {})
	other := httptest.NewServer(healthy.handler())
	defer other.Close()
	failing := with(func(a *app) { a.fail = "no database" })
	starting := with(func(a *app) { a.starting = func() bool { return true } })
	picky := with(func(a *app) { a.host = "shop.example.com" })

	t.Setenv("COLOUR", "blue")
	path := filepath.Join(t.TempDir(), "file")
	w := httptest.NewRecorder()
	healthy.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/file?path="+path, strings.NewReader("kept")))
	if w.Code != http.StatusOK {
		t.Fatalf("write a file: %d %s", w.Code, w.Body)
	}

	for _, test := range []struct {
		name string
		app  *app
		path string
		code int
		body string
	}{
		{"says its version and its instance", healthy, "/", 200, "hi from v2 (instance web-1)\n"},
		{"answers on any path", healthy, "/shop/cart", 200, "hi from v2 (instance web-1)\n"},
		{"healthy", healthy, "/healthz", 200, "ok\n"},
		{"unhealthy with the reason", failing, "/healthz", 500, "no database\n"},
		{"an unhealthy app still answers", failing, "/", 200, "hi from v2 (instance web-1)\n"},
		{"not healthy yet", starting, "/healthz", 503, "starting\n"},
		{"refuses another host", picky, "/healthz", 400, "unknown host example.com\n"},
		{"shows the request", healthy, "/request", 200, "HTTP/1.1 example.com\n"},
		{"shows a variable", healthy, "/env?name=COLOUR", 200, "blue\n"},
		{"shows a file", healthy, "/file?path=" + path, 200, "kept"},
		{"shows no file", healthy, "/file?path=/none", 404, "open /none: no such file or directory\n"},
		{"calls another app", healthy, "/call?url=" + url.QueryEscape(other.URL+"/healthz"), 200, "ok\n"},
		{"calls no empty URL", healthy, "/call", 502, "Get \"\": unsupported protocol scheme \"\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.app.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, test.path, nil))
			if w.Code != test.code || w.Body.String() != test.body {
				t.Errorf("GET %s: %d %q, want %d %q", test.path, w.Code, w.Body, test.code, test.body)
			}
		})
	}
}

// An instance that is asked to stop finishes the requests in progress, or a deploy would lose them.
func TestServeFinishesWhatItBegan(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serve(running, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stop()
			<-running.Done()
			_, _ = io.WriteString(w, "done")
		}))
	}()
	if answer, err := get(t.Context(), "http://"+listener.Addr().String()); answer != "done" || err != nil {
		t.Errorf("got %q and error %v", answer, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
