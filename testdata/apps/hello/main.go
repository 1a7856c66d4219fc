// Command hello is a small web app for trying psc and for its tests: it answers with its version, and it
// can start slowly, be unhealthy or crash.
//
//	PORT         the port that it listens on (8080)
//	GREETING     the greeting in its answers (hello)
//	START_DELAY  how long it is unhealthy after its start (0s)
//	FAIL         if set, its health check fails with this reason
//	HOST         if set, it answers 400 to requests for another host
//	HEALTH_DELAY how long its health check takes (0s)
//	H2C          if set, it speaks HTTP/2 without TLS and nothing else, as gRPC does
//	UDP_PORT     if set, it echoes UDP on this port
//	CRASH        if set, it exits with code 3 and this reason instead of serving
//	CRASH_DELAY  how long it waits before that (0s)
//	NEEDS        a URL that must answer at its start, or it exits with code 1
//	EAT          how much memory it allocates at its start, in MiB
//	LINES        how many numbered lines it prints at its start
//	TICK         how often it prints a numbered line
//	PRINT        a Go string without its quotes that it prints at its start
package main

import (
	"bufio"
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
	"sync/atomic"
	"syscall"
	"time"
)

// version is set with -ldflags "-X main.version=v2".
var version = "v1"

// Kubernetes kills an instance 30 s after asking it to stop: requests in progress have 25 s.
const drain = 25 * time.Second

func main() {
	if reason := os.Getenv("CRASH"); reason != "" {
		delay, _ := time.ParseDuration(os.Getenv("CRASH_DELAY"))
		time.Sleep(delay)
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
	if err := say(ctx); err != nil {
		return err
	}
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
	slow, err := time.ParseDuration(cmp.Or(os.Getenv("HEALTH_DELAY"), "0s"))
	if err != nil {
		return fmt.Errorf("HEALTH_DELAY: %w", err)
	}
	if port := os.Getenv("UDP_PORT"); port != "" {
		packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", ":"+port)
		if err != nil {
			return err
		}
		go echo(packets)
	}
	start := time.Now()
	a := app{
		version: version, instance: hostname, greeting: cmp.Or(os.Getenv("GREETING"), "hello"), fail: os.Getenv("FAIL"),
		host: os.Getenv("HOST"), slow: slow,
		starting: func() bool { return time.Since(start) < delay },
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "hello: %s listens on %s\n", version, listener.Addr())
	return serve(ctx, listener, a.handler())
}

// say prints what LINES, TICK and PRINT ask for.
func say(ctx context.Context) error {
	text, err := strconv.Unquote(`"` + os.Getenv("PRINT") + `"`)
	if err != nil {
		return fmt.Errorf("PRINT: %w", err)
	}
	lines, err := strconv.Atoi(cmp.Or(os.Getenv("LINES"), "0"))
	if err != nil {
		return fmt.Errorf("LINES: %w", err)
	}
	tick, err := time.ParseDuration(cmp.Or(os.Getenv("TICK"), "0s"))
	if err != nil {
		return fmt.Errorf("TICK: %w", err)
	}
	out := bufio.NewWriter(os.Stdout)
	_, _ = out.WriteString(text)
	for n := range lines {
		fmt.Fprintf(out, "line %d of %d, which is about as long as what an app usually prints for a request\n", n+1, lines)
	}
	if tick > 0 {
		go func() {
			for n := 1; ctx.Err() == nil; n++ {
				fmt.Fprintf(os.Stdout, "%s tick %d\n", version, n)
				time.Sleep(tick)
			}
		}()
	}
	return out.Flush()
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
	if os.Getenv("H2C") != "" {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
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
	version, instance, greeting, fail, host string
	slow                                    time.Duration
	starting                                func() bool
	hung                                    atomic.Bool
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", a.hello)
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /call", call)
	mux.HandleFunc("POST /grpc.health.v1.Health/Check", a.grpcHealth)
	mux.HandleFunc("GET /request", request)
	mux.HandleFunc("GET /udp", callUDP)
	mux.HandleFunc("POST /crash", crash)
	mux.HandleFunc("POST /hang", func(http.ResponseWriter, *http.Request) { a.hung.Store(true) })
	mux.HandleFunc("GET /env", environment)
	mux.HandleFunc("GET /file", readFile)
	mux.HandleFunc("POST /file", writeFile)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.hung.Load() {
			<-r.Context().Done()
			return
		}
		if a.host != "" && a.host != r.Host {
			http.Error(w, "unknown host "+r.Host, http.StatusBadRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *app) hello(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintf(w, "%s from %s (instance %s)\n", a.greeting, a.version, a.instance)
}

func (a *app) health(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(a.slow)
	switch {
	case a.fail != "":
		http.Error(w, a.fail, http.StatusInternalServerError)
	case a.starting():
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, "ok\n")
	}
}

// grpcHealth is the health service of gRPC, whose answer is a frame and a trailer:
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func (a *app) grpcHealth(w http.ResponseWriter, _ *http.Request) {
	status := byte(1) // SERVING
	if a.fail != "" || a.starting() {
		status = 2 // NOT_SERVING
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 1 << 3, status}) // not compressed, 2 bytes: the field 1
	w.Header().Set("Grpc-Status", "0")
}

// request shows how a request arrives: "HTTP/2.0 web.localhost".
func request(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintln(w, r.Proto, r.Host) //nolint:gosec // plain text runs no script
}

// echo sends packets back.
func echo(packets net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = packets.WriteTo(buffer[:n], from)
	}
}

// callUDP sends a packet to ?address= and returns the answer.
func callUDP(w http.ResponseWriter, r *http.Request) {
	conn, err := new(net.Dialer).DialContext(r.Context(), "udp", r.URL.Query().Get("address"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 1500)
	n := 0
	if _, err = conn.Write([]byte("ping")); err == nil {
		n, err = conn.Read(buffer)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(buffer[:n])
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
