package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// killed BEFORE AFTER COMMAND… runs a command of psc in a new pod for each of its writes, and kills it after the API server
// has answered that write and before psc gets the answer. The lines of the file BEFORE are commands of psc and kubectl that
// run first. The lines of AFTER run after the kill: then the pod must be as if nothing had been killed.
//
// killed late BEFORE AFTER COMMAND… holds the write back, and sends it to the API server when AFTER has ended.
func (c *cluster) killed(ts *testscript.TestScript, neg bool, args []string) {
	late := len(args) > 0 && args[0] == "late"
	if late {
		args = args[1:]
	}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: killed [late] BEFORE AFTER COMMAND...")
	}
	k := &killing{c: c, ts: ts, late: late, name: strings.Join([]string{ts.Getenv("POD"), args[0], args[1]}, "-"), before: lines(ts.ReadFile(args[0])), after: lines(ts.ReadFile(args[1])), command: args[2:]}
	writes, want, err := k.run(0)
	ts.Check(err)
	if writes == 0 {
		ts.Fatalf("%s writes nothing", strings.Join(args[2:], " "))
	}
	var group errgroup.Group
	group.SetLimit(20) // most of the time they wait until the lock of a killed command expires
	errs := make([]error, writes+1)
	for n := 1; n <= writes; n++ {
		group.Go(func() error {
			_, got, err := k.run(n)
			if err == nil && got != want {
				err = fmt.Errorf("the pod is not as if nothing had happened: -want +got\n%s", cmp.Diff(want, got))
			}
			if err != nil {
				errs[n] = fmt.Errorf("killed after write %d of %d: %w", n, writes, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	ts.Check(errors.Join(errs...))
	ts.Logf("%d writes", writes)
}

// killing is one use of the command killed.
type killing struct {
	c             *cluster
	ts            *testscript.TestScript
	late          bool
	name          string // the names of its pods, without the number of the write
	before, after []string
	command       []string
}

// run kills the command after its nth write, or never if n is 0. It returns the number of writes of the command, and the
// state of the pod afterwards.
func (k *killing) run(n int) (writes int, state string, err error) {
	pod := fmt.Sprintf("%s-%d", k.name, n)
	if err := k.psc(nil, "new-pod", pod); err != nil {
		return 0, "", err
	}
	if err := k.lines(pod, k.before); err != nil {
		return 0, "", err
	}
	a := &assassin{after: n, late: k.late}
	if a.behind, err = k.c.proxy(); err != nil {
		return 0, "", err
	}
	front := httptest.NewServer(a)
	defer front.Close()
	defer front.CloseClientConnections()
	kubeconfig := filepath.Join(k.ts.Getenv("WORK"), pod+".kubeconfig")
	if err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{pod: {Server: front.URL}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{pod: {}},
		Contexts:       map[string]*clientcmdapi.Context{pod: {Cluster: pod, AuthInfo: pod}},
		CurrentContext: pod,
	}, kubeconfig); err != nil {
		return 0, "", err
	}
	err = k.psc(a, append([]string{"-p", pod, "--kubeconfig", kubeconfig}, k.command...)...)
	writes = a.count()
	if err != nil && (n == 0 || writes < n) {
		return writes, "", err
	}
	if err := k.lines(pod, k.after); err != nil {
		return 0, "", err
	}
	a.release()
	state, err = k.state(pod)
	return writes, state, err
}

// lines runs commands of psc, or of kubectl, in a pod.
func (k *killing) lines(pod string, lines []string) error {
	for _, line := range lines {
		words := strings.Fields(line)
		if words[0] == "kubectl" {
			if out, err := k.exec("kubectl", append(words[1:], "-n", pod)...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", line, err, out)
			}
		} else if err := k.psc(nil, append([]string{"-p", pod}, words...)...); err != nil {
			return err
		}
	}
	return nil
}

// psc runs psc, as the victim of the assassin if there is one.
func (k *killing) psc(a *assassin, args ...string) error {
	cmd := k.exec("psc", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if a != nil {
		a.mu.Lock()
		a.victim = cmd
	}
	err := cmd.Start()
	if a != nil {
		a.mu.Unlock()
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("psc %s: %w\n%s", strings.Join(args, " "), err, out.Bytes())
	}
	return nil
}

func (k *killing) exec(name string, args ...string) *exec.Cmd { return command(k.ts, name, args...) }

// state returns what must be the same in all pods: the objects, the drift from the live revision, and the drafts.
func (k *killing) state(pod string) (string, error) {
	list, err := k.exec("kubectl", "get", "-n", pod, "-l", "psc.dev/pod="+pod, "-o", "json", rendered()).Output()
	if err != nil {
		return "", err
	}
	objects, err := comparable(list)
	if err != nil {
		return "", err
	}
	holder, err := k.exec("kubectl", "get", "lease", "psc-deploy", "-n", pod, "-o", "jsonpath=holder: {.spec.holderIdentity}").Output()
	if err != nil {
		return "", err
	}
	what := "jsonpath=live: {.live.state}, drafts: {.drafts}, drift: {.drift}"
	if k.late { // a revision that was killed before its turn is a draft again
		what = "jsonpath=live: {.live.state}, drift: {.drift}"
	}
	status, err := k.exec("psc", "-p", pod, "status", "-o", what).Output()
	if err != nil {
		return "", err
	}
	states, err := k.exec("psc", "-p", pod, "revision", "list", "-o", "jsonpath={.items[*].state}").Output()
	if err != nil {
		return "", err
	}
	// A late write may say that a revision waits, which was never deployed.
	if text := string(states); strings.Contains(text, "waiting") && !k.late || strings.Contains(text, "pending") {
		return "", fmt.Errorf("a revision of pod %s waits for ever: %s", pod, text)
	}
	text := strings.ReplaceAll(fmt.Sprintf("%s\n%s\n%s", objects, holder, status), pod, "POD")
	return unique.ReplaceAllString(text, "UNIQUE"), nil
}

// unique matches the addresses and hashes that differ from pod to pod.
var unique = regexp.MustCompile(`[0-9]+(\.[0-9]+){3}|"psc.dev/hash": "[0-9a-f]+"`)

// assassin is a proxy that kills a process when the API server has accepted one of its writes.
type assassin struct {
	behind http.Handler
	after  int  // the write after which it kills; 0 for none
	late   bool // it holds that write back until release

	mu     sync.Mutex
	held   *http.Request
	victim *exec.Cmd
	writes int
}

// count returns the number of writes so far.
func (a *assassin) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writes
}

// ServeHTTP implements http.Handler.
func (a *assassin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") || strings.Contains(r.URL.Path, "/selfsubject") {
		a.behind.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	if !a.hold(r) {
		a.behind.ServeHTTP(answer, r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes++
	if a.writes == a.after {
		_ = a.victim.Process.Signal(syscall.SIGKILL)
	}
	if a.after > 0 && a.writes >= a.after {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// hold holds back a request if it is the last write of the victim.
func (a *assassin) hold(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.late || a.held != nil || a.writes != a.after-1 {
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a.held = r.Clone(context.Background())
	a.held.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// release sends the request that was held back to the API server.
func (a *assassin) release() {
	if a.held != nil {
		a.behind.ServeHTTP(httptest.NewRecorder(), a.held)
	}
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}
