package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// rude WAY… puts a proxy in front of the API server that misbehaves in one way. $RUDE is its address, rude.crt its CA, and
// the kubeconfig rude connects to it with the token "first".
//
//	N                spoils every Nth request, each in another way, and the first watches
//	cut              ends every watch, and every log that is followed, after a moment
//	skip             ends every watch after a moment, and drops the events of that moment
//	silent           holds back the events of a watch for longer than most deploys take, and then sends all of them
//	away             breaks each request, or answers it with 503, while a file "away" exists
//	refuse C N WHAT  answers with code C, from the Nth time on, if METHOD URI BODY matches a regular expression
//	once C N WHAT    is refuse for the Nth time only
//	expire WHAT      no longer accepts the token of a request that matches
func (c *cluster) rude(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: rude WAY...")
	}
	behind, err := c.proxy()
	ts.Check(err)
	front := httptest.NewUnstartedServer(rudeWay(ts, args, behind))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	ts.Defer(front.CloseClientConnections)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("rude.crt"), ca, 0o600))
	kubeconfig := filepath.Join(ts.Getenv("WORK"), "rude")
	ts.Check(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"rude": {Server: front.URL, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"rude": {Token: "first"}},
		Contexts:       map[string]*clientcmdapi.Context{"rude": {Cluster: "rude", AuthInfo: "rude"}},
		CurrentContext: "rude",
	}, kubeconfig))
	ts.Setenv("KUBECONFIG", kubeconfig)
	ts.Setenv("RUDE", front.URL)
}

// proxy returns a handler that forwards requests to the API server, as admin.
func (c *cluster) proxy() (http.Handler, error) {
	config, err := clientcmd.NewNonInteractiveClientConfig(*c.users, "admin", &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.NextProtos = []string{"http/1.1"} // HTTP/2 has no upgrades
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	server, err := url.Parse(config.Host)
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			r.Out.Header.Del("Authorization") // the transport authenticates as admin
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}, err
}

func rudeWay(ts *testscript.TestScript, args []string, behind http.Handler) http.Handler {
	matches := func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		found, _ := regexp.MatchString(args[len(args)-1], r.Method+" "+r.URL.RequestURI()+" "+string(body))
		return found
	}
	switch args[0] {
	case "cut", "skip", "silent":
		return &watchServer{behind: behind, way: args[0]}
	case "away":
		away := func() bool {
			_, err := os.Stat(ts.MkAbs("away"))
			return err == nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() {
				for ; ctx.Err() == nil; time.Sleep(moment) {
					if away() {
						cancel()
					}
				}
			}()
			if away() {
				refuse(w, http.StatusServiceUnavailable)
				return
			}
			behind.ServeHTTP(w, r.WithContext(ctx))
		})
	case "refuse", "once":
		code, err := strconv.Atoi(args[1])
		ts.Check(err)
		from, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		var times atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if matches(r) {
				if n := times.Add(1); n == from || n > from && args[0] == "refuse" {
					refuse(w, code)
					return
				}
			}
			behind.ServeHTTP(w, r)
		})
	case "expire":
		var expired sync.Map
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token := r.Header.Get("Authorization")
			_, bad := expired.Load(token)
			if bad || token == "Bearer first" && matches(r) {
				expired.Store(token, true)
				refuse(w, http.StatusUnauthorized)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
	every, err := strconv.Atoi(args[0])
	ts.Check(err)
	return &rudeServer{behind: behind, every: every, watches: map[string]int{}}
}

// refuse answers with an error in the format of an API server.
func refuse(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(failure(code))
}

// reasons are the reasons that clients check besides the code.
var reasons = map[int]metav1.StatusReason{
	http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusForbidden: metav1.StatusReasonForbidden,
	http.StatusConflict: metav1.StatusReasonConflict, http.StatusGone: metav1.StatusReasonExpired,
}

func failure(code int) metav1.Status {
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reasons[code], Message: "the server is rude",
	}
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
		_, _ = io.CopyN(w, answer.Body, int64(answer.Body.Len()/2)) // a truncated answer
	}
}

// take forwards a request to the server and keeps the answer.
func (s *rudeServer) take(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.behind.ServeHTTP(answer, r)
	return answer
}

// watch refuses the first watch of each resource as too old, ends the second at once, cuts off the third, and forwards the
// later ones unchanged.
func (s *rudeServer) watch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.watches[r.URL.Path]++
	n := s.watches[r.URL.Path]
	s.mu.Unlock()
	switch n {
	case 1:
		refuse(w, http.StatusGone)
	case 2:
		w.WriteHeader(http.StatusOK)
	case 3:
		ctx, cancel := context.WithTimeout(r.Context(), moment)
		defer cancel()
		s.behind.ServeHTTP(w, r.WithContext(ctx))
	default:
		s.behind.ServeHTTP(w, r)
	}
}

const (
	// moment is how long a watch lasts before it is cut off.
	moment = 100 * time.Millisecond
	// silence is longer than a deploy takes here, and longer than the story waits for one that never becomes ready.
	silence = 6 * time.Second
)

// watchServer misbehaves on watches only: see rude.
type watchServer struct {
	behind http.Handler
	way    string
}

// ServeHTTP implements http.Handler.
func (s *watchServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !query.Has("watch") && (s.way != "cut" || !query.Has("follow")) {
		s.behind.ServeHTTP(w, r)
		return
	}
	news := &newsWriter{ResponseWriter: w, began: time.Now(), all: !query.Has("sendInitialEvents"), way: s.way}
	if s.way != "silent" {
		ctx, cancel := context.WithTimeout(r.Context(), moment)
		defer cancel()
		r = r.WithContext(ctx)
	}
	defer func() {
		_ = recover() // the proxy panics when the moment ends
		if s.way == "skip" {
			event := map[string]any{"type": "ERROR", "object": failure(http.StatusGone)}
			_ = json.NewEncoder(w).Encode(event)
		}
	}()
	s.behind.ServeHTTP(news, r)
}

// newsWriter delays or drops the events that follow the initial list of a watch.
type newsWriter struct {
	http.ResponseWriter
	began time.Time
	all   bool // the initial list is complete
	way   string
}

// Unwrap is for http.ResponseController.
func (w *newsWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *newsWriter) Write(data []byte) (int, error) {
	if w.all && w.way == "silent" {
		time.Sleep(time.Until(w.began.Add(silence)))
	}
	if w.all && w.way == "skip" {
		return len(data), nil
	}
	w.all = w.all || bytes.Contains(data, []byte("k8s.io/initial-events-end"))
	return w.ResponseWriter.Write(data)
}
