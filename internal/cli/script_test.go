package cli_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/cli"
	"github.com/pscdev/psc/pkg/object"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"psc":     func() { os.Exit(cli.Run("test", os.Args[1:])) },
		"browser": browse,
	})
}

// TestScripts runs the stories that need an API server, against a real one whose nodes are simulated.
func TestScripts(t *testing.T) {
	c := start(t, "simulated")
	run(t, c, "../../testdata/script")
	for _, image := range exampleImages() {
		c.push(t, image, empty.Image)
	}
	c.examples(t, false)
}

// TestNodeScripts runs the stories that need real containers and real traffic.
func TestNodeScripts(t *testing.T) {
	if why := noNode(); why != "" {
		t.Skip("real nodes cannot run here: " + why)
	}
	c := start(t, "real")
	c.pushTools(t)
	run(t, c, "../../testdata/script/node")
	c.examples(t, true)
}

// noNode returns the reason why this machine cannot run real containers, or "" if it can.
func noNode() string {
	if runtime.GOOS != "linux" {
		return "not running on Linux"
	}
	if os.Geteuid() != 0 {
		return "not running as root"
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return "nft is not installed"
	}
	return ""
}

// cluster is a Kubernetes of psc-local.
type cluster struct {
	bin      string // psc-local
	name     string
	env      []string
	load     string // testdata/apps/load
	Server   string `json:"server"`
	Registry string `json:"registry"`
	Gateway  struct {
		HTTP  string `json:"http"`
		HTTPS string `json:"https"`
		CA    string `json:"ca"`
	} `json:"gateway"`
	users *clientcmdapi.Config // a context for each user
	real  bool                 // its instances take room
	idp   *idp                 // whose tokens it accepts; nil if there is none
}

// start starts a cluster for one test, with more flags of psc-local up, and stops it when the test ends.
func start(t testing.TB, nodes string, more ...string) *cluster {
	t.Helper()
	c := &cluster{bin: pscLocal(t), name: fmt.Sprintf("test-%s-%d", nodes, os.Getpid()), real: nodes == "real"}
	dir := t.TempDir()
	c.env = append(os.Environ(), "PSC_LOCAL_HOME="+dir)
	begin := time.Now()
	c.downAtEnd(t)
	c.local(t, append([]string{"up", "--name", c.name, "--nodes", nodes, "--kubeconfig", filepath.Join(dir, "kubeconfig")}, more...)...)
	t.Logf("cluster with %s nodes: %s", nodes, time.Since(begin).Round(100*time.Millisecond))
	if err := json.Unmarshal(c.local(t, "status", "--name", c.name, "-o", "json"), c); err != nil {
		t.Fatal(err)
	}
	c.users = clientcmdapi.NewConfig()
	for _, user := range []string{"admin", "alice", "bob", "carol"} {
		config, err := clientcmd.Load(c.local(t, "kubeconfig", "--name", c.name, "--user", user))
		if err != nil {
			t.Fatal(err)
		}
		context := config.Contexts[config.CurrentContext]
		c.users.Clusters["local"] = config.Clusters[context.Cluster]
		c.users.AuthInfos[user] = config.AuthInfos[context.AuthInfo]
		c.users.Contexts[user] = &clientcmdapi.Context{Cluster: "local", AuthInfo: user}
	}
	c.users.Contexts["psc-local"] = c.users.Contexts["admin"] // the name that psc-local gives its context
	c.users.CurrentContext = "admin"
	c.pushApps(t, dir)
	return c
}

// downAtEnd stops the cluster at the end of the test, also if this process is killed or ends by its own timeout: then no cleanup
// runs, but the pipe closes.
func (c *cluster) downAtEnd(t testing.TB) {
	t.Helper()
	watcher := exec.Command("sh", "-c", `trap "" INT TERM HUP; cat >/dev/null; exec "$0" down --name "$1"`, c.bin, c.name)
	watcher.Env = c.env
	var out bytes.Buffer
	watcher.Stdout, watcher.Stderr = &out, &out
	pipe, err := watcher.StdinPipe()
	if err == nil {
		err = watcher.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pipe.Close()
		if err := watcher.Wait(); err != nil {
			t.Errorf("psc-local down: %v\n%s", err, out.Bytes())
		}
	})
}

// pscLocal returns the path of the psc-local that belongs to this tree, and builds it if needed.
func pscLocal(t testing.TB) string {
	t.Helper()
	build := exec.Command("../../cmd/psc-local/build.sh")
	build.Stderr = os.Stderr
	out, err := build.Output()
	if err != nil {
		t.Fatalf("build psc-local: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return filepath.Join(lines[len(lines)-1], "psc-local")
}

func (c *cluster) local(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(c.bin, args...)
	cmd.Env = c.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("psc-local %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

// pushApps builds the versions of the app that the stories deploy, and the client that sends requests to it.
func (c *cluster) pushApps(t testing.TB, dir string) {
	t.Helper()
	c.load = filepath.Join(dir, "load")
	compile(t, c.load, "../../testdata/apps/load", "")
	for _, version := range []string{"v1", "v2"} {
		path := filepath.Join(dir, "hello-"+version)
		compile(t, path, "../../testdata/apps/hello", "-X main.version="+version)
		c.local(t, "push", "--name", c.name, "hello:"+version, path)
	}
}

func compile(t testing.TB, path, source, flags string) {
	t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w "+flags, "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, out)
	}
}

// run runs the stories in a folder, or the one in a file.
func run(t *testing.T, c *cluster, path string) {
	files := []string{path}
	if filepath.Ext(path) == "" {
		files, _ = filepath.Glob(filepath.Join(path, "*.txtar"))
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		Setup:               c.setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(name string) (bool, error) {
			if name == "chromium" {
				return hasChromium(), nil
			}
			shell, ok := strings.CutPrefix(name, "shell:")
			if !ok {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return hasShell(shell), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"asked":     asked,
			"example":   example,
			"exit":      exit,
			"killed":    c.killed,
			"objects":   objects,
			"idp":       c.idpCommand,
			"issuer":    c.issuer,
			"openshift": c.openshift,
			"parallel":  parallel,
			"private":   private,
			"proxied":   c.proxied,
			"rude":      c.rude,
			"server":    c.server,
			"ticks":     ticks,
			"typed":     typed,
			"unseen":    unseen,
			"until":     until,
		},
	})
}

// setup gives each story its own home and pod name.
func (c *cluster) setup(env *testscript.Env) error {
	kubeconfig := filepath.Join(env.WorkDir, "kubeconfig")
	if err := clientcmd.WriteToFile(*c.users, kubeconfig); err != nil {
		return err
	}
	bin := filepath.Join(env.WorkDir, ".bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	for name, path := range map[string]string{"kubectl": c.bin, "load": c.load} {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	name := strings.TrimSuffix(filepath.Base(env.WorkDir), ".txtar")
	name = strings.ReplaceAll(strings.TrimPrefix(name, "script-"), "_", "-")
	port := c.Gateway.HTTPS[strings.LastIndexByte(c.Gateway.HTTPS, ':')+1:]
	examples, err := filepath.Abs("../../docs/examples")
	if err != nil {
		return err
	}
	env.Vars = append(env.Vars,
		"EXAMPLES="+examples,
		"HOME="+env.WorkDir,
		"XDG_CONFIG_HOME="+filepath.Join(env.WorkDir, ".config"),
		"KUBECONFIG="+kubeconfig,
		"POD="+name,
		"SERVER="+c.Server,
		"REGISTRY="+c.Registry,
		"GATEWAY="+c.Gateway.HTTPS,
		"GATEWAY_PORT="+port,
		"GATEWAY_CA="+c.Gateway.CA,
		"GORACE=atexit_sleep_ms=50", // with the race detector, each psc would take 1 s to exit
	)
	env.Values[openshiftKey{}] = &openshiftOf{}
	env.Values[issuerKey{}] = &issuerOf{}
	env.Values[proxiedKey{}] = new(atomic.Int64)
	if c.idp != nil {
		if err := c.idp.setup(env, bin); err != nil {
			return err
		}
	}
	for i, v := range env.Vars {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			env.Vars[i] = "PATH=" + path + string(os.PathListSeparator) + bin
		}
	}
	if c.real {
		env.Defer(func() { makeRoom(env.T(), filepath.Join(bin, "kubectl"), kubeconfig, name) })
	}
	return nil
}

// makeRoom begins to delete the pods of a story that has ended: one real node has no room for the instances of all stories.
func makeRoom(t testscript.T, program, kubeconfig, story string) {
	kubectl := func(args ...string) string {
		out, err := exec.Command(program, append([]string{"--kubeconfig", kubeconfig, "--context", "admin"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatal(fmt.Sprintf("%s: %v: %s", strings.Join(args, " "), err, out))
		}
		return string(out)
	}
	for _, name := range strings.Fields(kubectl("get", "namespaces", "-l", object.LabelPod, "-o", "jsonpath={.items[*].metadata.name}")) {
		if name == story || strings.HasPrefix(name, story+"-") {
			kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
		}
	}
}

// exit CODE COMMAND… runs a command that must exit with the given code.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code is %d, want %d", got, want)
	}
}

// objects FILE writes the live objects that psc rendered for the pod, without the fields that say when and how often they
// were written: two such files are equal when the objects are equal, field by field.
func objects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: objects FILE")
	}
	pod := ts.Getenv("POD")
	ts.Check(ts.Exec("kubectl", "get", "-n", pod, "-l", "psc.dev/pod="+pod, "-o", "json", rendered()))
	data, err := comparable([]byte(ts.ReadFile("stdout")))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// rendered lists the kinds of objects that psc creates, as kubectl takes them.
func rendered() string {
	var kinds []string
	for _, row := range object.Rendered() {
		kinds = append(kinds, strings.ToLower(row.Kind.Kind))
	}
	return strings.Join(kinds, ",")
}

// comparable returns a list of objects without the fields that say when and how often they were written.
func comparable(data []byte) ([]byte, error) {
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, errors.New("the pod has no objects")
	}
	for _, o := range list.Items {
		delete(o, "status")
		metadata, _ := o["metadata"].(map[string]any)
		for _, field := range []string{"uid", "resourceVersion", "generation", "managedFields", "creationTimestamp"} {
			delete(metadata, field)
		}
		annotations, _ := metadata["annotations"].(map[string]any)
		delete(annotations, "deployment.kubernetes.io/revision")
		delete(annotations, "psc.dev/fence")
	}
	data, err := json.MarshalIndent(list, "", "  ")
	return append(data, '\n'), err
}

// parallel N COMMAND… runs a command N times at once, with {} replaced by 1 to N. All must succeed.
func parallel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: parallel N COMMAND...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var group sync.WaitGroup
	failures := make([]string, n)
	for i := range n {
		group.Go(func() {
			words := make([]string, 0, len(args))
			for _, arg := range args[1:] {
				words = append(words, strings.ReplaceAll(arg, "{}", strconv.Itoa(i+1)))
			}
			if out, err := command(ts, words[0], words[1:]...).CombinedOutput(); err != nil {
				failures[i] = fmt.Sprintf("%s: %v\n%s", strings.Join(words, " "), err, out)
			}
		})
	}
	group.Wait()
	for _, f := range failures {
		if f != "" {
			ts.Fatalf("%s", f)
		}
	}
}

// private starts a registry that needs a login, and pushes an image to it. $PRIVATE is its address, $PASSWORD the password
// of the user robot.
func private(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: private")
	}
	password := rand.Text()
	open := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, given, ok := r.BasicAuth(); !ok || user != "robot" || given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	tag, err := name.ParseReference(address + "/hello:v1")
	ts.Check(err)
	ts.Check(remote.Write(tag, empty.Image, remote.WithAuth(&authn.Basic{Username: "robot", Password: password})))
	ts.Setenv("PRIVATE", address)
	ts.Setenv("PASSWORD", password)
}

// command returns a program as a story would run it, for commands that run in parallel.
func command(ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = ts.Getenv("WORK")
	for _, variable := range []string{"HOME", "XDG_CONFIG_HOME", "KUBECONFIG", "PATH"} {
		cmd.Env = append(cmd.Env, variable+"="+ts.Getenv(variable))
	}
	if path, err := lookPath(ts.Getenv("PATH"), name); err == nil {
		cmd.Path, cmd.Err = path, nil
	}
	return cmd
}

func lookPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && !info.IsDir() {
			return full, nil
		}
	}
	return "", exec.ErrNotFound
}

// patience is how long until waits. It matters only when something is broken.
const patience = time.Minute

// until REGEXP COMMAND… repeats a command until its stdout matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND...")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not print %s", strings.Join(args[1:], " "), pattern)
		}
	}
}
