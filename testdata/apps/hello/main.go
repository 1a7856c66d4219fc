// Command hello is a small web app for trying psc and for its tests: it answers with its version, and it
// can start slowly, be unhealthy or crash.
//
//	PORT         the port that it listens on (8080)
//	GREETING     the greeting in its answers (hello)
//	START_DELAY  how long it is unhealthy after its start (0s)
//	FAIL         if set, its health check fails with this reason
//	CRASH        if set, it exits with code 3 and this reason instead of serving
//	NEEDS        a URL that must answer at its start, or it exits with code 1
//	EAT          how much memory it allocates at its start, in MiB
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

// Kubernetes kills an instance 30 s after asking it to stop: requests in progress have 25 s.
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

// eat allocates memory and writes to all of it, because the kernel only provides memory that is written to.
func eat(mebibytes int) {
	fmt.Fprintf(os.Stderr, "hello: eats %d MiB\n", mebibytes)
	memory := make([]byte, mebibytes<<20)
	for i := range memory {
		memory[i] = 1
	}
	runtime.KeepAlive(memory)
}

// serve answers requests until the context is done, finishes those in progress, and returns.
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

// app has everything that the answers depend on.
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

// crash ends the process as a bug would.
func crash(http.ResponseWriter, *http.Request) {
	fmt.Fprintln(os.Stderr, "hello: crash: asked to")
	os.Exit(3)
}

// environment, readFile and writeFile give access to the app's variables (?name=) and files (?path=).
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

// call returns the answer of the app at ?url=, to show that apps reach each other.
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
