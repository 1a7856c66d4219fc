// Command hello is a small web app for trying psc and for its tests: it says which version answers, and it
// can be told to start slowly, to be unhealthy or to crash.
//
//	PORT         where it listens (8080)
//	GREETING     what it says (hello)
//	START_DELAY  how long it is not healthy after its start (0s)
//	FAIL         why its health check fails
//	CRASH        why it ends with exit code 3 instead of serving
//	NEEDS        what has to answer at its start, a URL; without an answer it ends with exit code 1
//	EAT          how much memory it takes at its start, in MiB
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// version is set with -ldflags "-X main.version=v2".
var version = "v1"

// Kubernetes kills an instance 30 s after it asked it to stop: what is still being answered has 25 s.
const drain = 25 * time.Second

func main() {
	if reason := os.Getenv("CRASH"); reason != "" {
		fmt.Fprintln(os.Stderr, "hello: crash:", reason)
		os.Exit(3)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	delay, err := time.ParseDuration(cmp.Or(os.Getenv("START_DELAY"), "0s"))
	if err != nil {
		return fmt.Errorf("START_DELAY: %w", err)
	}
	hostname, err := os.Hostname() // in Kubernetes, the name of the instance
	if err != nil {
		return err
	}
	mebibytes, err := strconv.Atoi(cmp.Or(os.Getenv("EAT"), "0"))
	if err != nil {
		return fmt.Errorf("EAT: %w", err)
	}
	if mebibytes > 0 {
		eat(mebibytes)
	}
	if needed := os.Getenv("NEEDS"); needed != "" {
		if _, err := get(ctx, needed); err != nil {
			return err
		}
	}
	start := time.Now()
	a := app{
		version: version, instance: hostname, greeting: cmp.Or(os.Getenv("GREETING"), "hello"), fail: os.Getenv("FAIL"),
		starting: func() bool { return time.Since(start) < delay },
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "hello: %s listens on %s\n", version, listener.Addr())
	return serve(ctx, listener, a.handler())
}

// eat takes memory, and writes to all of it: only what was written to is really taken.
func eat(mebibytes int) {
	fmt.Fprintf(os.Stderr, "hello: eats %d MiB\n", mebibytes)
	memory := make([]byte, mebibytes<<20)
	for i := range memory {
		memory[i] = 1
	}
	runtime.KeepAlive(memory)
}

// serve answers until the context is done, finishes the answers that it has begun, and returns.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// Shutdown closes idle connections and tells the clients of the others not to keep them.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	return server.Shutdown(limit)
}

// app is what the answers depend on.
type app struct {
	version, instance, greeting, fail string
	starting                          func() bool
}

func (a app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", a.hello)
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /call", call)
	mux.HandleFunc("POST /crash", crash)
	mux.HandleFunc("GET /env", environment)
	mux.HandleFunc("GET /file", readFile)
	mux.HandleFunc("POST /file", writeFile)
	return mux
}

func (a app) hello(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintf(w, "%s from %s (instance %s)\n", a.greeting, a.version, a.instance)
}

func (a app) health(w http.ResponseWriter, _ *http.Request) {
	switch {
	case a.fail != "":
		http.Error(w, a.fail, http.StatusInternalServerError)
	case a.starting():
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, "ok\n")
	}
}

// crash ends it as a mistake in it would.
func crash(http.ResponseWriter, *http.Request) {
	fmt.Fprintln(os.Stderr, "hello: crash: asked to")
	os.Exit(3)
}

// environment, readFile and writeFile show what the app was given: the variable at ?name=, the file at ?path=.
func environment(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintln(w, os.Getenv(r.URL.Query().Get("name"))) //nolint:gosec // plain text runs no script
}

func readFile(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(r.URL.Query().Get("path"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(data) //nolint:gosec // plain text runs no script
}

func writeFile(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = os.WriteFile(r.URL.Query().Get("path"), data, 0o600)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// call answers what the app at ?url= answers: it shows that apps reach each other.
func call(w http.ResponseWriter, r *http.Request) {
	answer, err := get(r.Context(), r.URL.Query().Get("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, answer) //nolint:gosec // plain text runs no script
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, resp.Status, body)
	}
	return string(body), nil
}
