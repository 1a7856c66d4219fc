package credential

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/zalando/go-keyring"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/login"
)

const entry = login.Prefix + "api.example.com:6443"

// TestMain makes this test the program that the tests run many times at once: it prints the token of the entry, or with "forever"
// renews it again and again.
func TestMain(m *testing.M) {
	what := os.Getenv("CREDENTIAL_TEST")
	if what == "" {
		os.Exit(m.Run())
	}
	rejected := ""
	for {
		s, err := open()
		if err == nil {
			var token string
			if token, _, err = s.Token(context.Background(), entry, rejected); err == nil && what != "forever" {
				_, _ = os.Stdout.WriteString(token)
				return
			}
			rejected = token
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(int(fault.Of(err).Code))
		}
	}
}

func child(t *testing.T, what string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "CREDENTIAL_TEST="+what)
	return cmd
}

// open is the store of another process of psc.
func open() (*Store, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range []string{config.Pod, config.Context, config.Output} {
		flags.String(name, "", "")
	}
	settings, err := config.Load(flags)
	return &Store{Settings: settings, Now: time.Now}, err
}

// idp is an issuer that accepts each refresh token once. It is safe for concurrent use.
type idp struct {
	*httptest.Server

	mu               sync.Mutex
	last, before     string // the refresh token that it accepts, and the one that it accepted
	refreshes, fails int
	opaque           bool // it issues no ID tokens
	revoked          []string
	life             time.Duration
}

func start(t *testing.T) *idp {
	t.Helper()
	i := &idp{last: "refresh-first", life: time.Hour}
	i.Server = httptest.NewTLSServer(i)
	t.Cleanup(i.Close)
	return i
}

// ServeHTTP implements http.Handler.
func (i *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "revocation_endpoint": i.URL + "/revoke",
		}
	case "/token":
		i.refreshes++
		switch {
		case i.fails > 0:
			i.fails--
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.FormValue("refresh_token") != i.last:
			w.WriteHeader(http.StatusBadRequest)
			answer["error"] = "invalid_grant"
		default:
			i.before, i.last = i.last, "refresh-"+rand.Text()
			claims, _ := json.Marshal(map[string]any{
				"iss": i.URL, "aud": "psc", "sub": "alice", "iat": time.Now().Unix(), "exp": time.Now().Add(i.life).Unix(), "jti": rand.Text(),
			})
			answer = map[string]any{
				"id_token": map[bool]string{false: "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2ln"}[i.opaque], "refresh_token": i.last, "access_token": "access", "token_type": "Bearer", "expires_in": int(i.life.Seconds()),
			}
		}
	case "/revoke":
		i.revoked = append(i.revoked, r.FormValue("token"))
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *idp) issuer() login.Issuer {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	return login.Issuer{URL: i.URL, ClientID: "psc", Scopes: []string{"openid", "offline_access"}, Authority: ca}
}

// signedIn signs in at an issuer, in folders of the test. The token ends at a time from now.
func signedIn(t *testing.T, i *idp, ends time.Duration) *Store {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(t.TempDir(), "config"))
	t.Setenv(variable, "file")
	s := again(t)
	if err := s.Probe(); err != nil {
		t.Fatal(err)
	}
	save(t, s, i, ends)
	return again(t)
}

func again(t *testing.T) *Store {
	t.Helper()
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t *testing.T, s *Store, i *idp, ends time.Duration) {
	t.Helper()
	s.Hold(entry, "apps.example.com", i.issuer(), login.Tokens{ID: "token-first", Refresh: i.last, Until: time.Now().Add(ends), How: "browser"})
	if err := s.Save(entry); err != nil {
		t.Fatal(err)
	}
}

// recorded returns the file of the sign-in.
func recorded(t *testing.T) record {
	t.Helper()
	path, err := file(entry)
	if err != nil {
		t.Fatal(err)
	}
	r, err := read(path)
	if err != nil || r == nil {
		t.Fatalf("%v, %v", r, err)
	}
	return *r
}

// 20 programs ask at once for a token that has expired: the issuer is asked once, and all get its answer.
func TestAtOnce(t *testing.T) {
	i := start(t)
	signedIn(t, i, -time.Minute)
	var all []*exec.Cmd
	outs := make([]strings.Builder, 20)
	for n := range outs {
		cmd := child(t, "once")
		cmd.Stdout, cmd.Stderr = &outs[n], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for n, cmd := range all {
		if err := cmd.Wait(); err != nil || outs[n].String() != recorded(t).Token {
			t.Errorf("%v: %q", err, outs[n].String())
		}
	}
	if i.refreshes != 1 {
		t.Errorf("%d refreshes", i.refreshes)
	}
}

// A program that is killed at any moment leaves a whole file, and nobody waits for it. The sign-in is only lost if the program was
// killed between the answer of the issuer and the write.
func TestKilled(t *testing.T) {
	i := start(t)
	signedIn(t, i, -time.Minute)
	lost := 0
	for range 30 {
		cmd := child(t, "forever")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + time.Duration(mathrand.IntN(60_000))*time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		kept := recorded(t)
		_, _, err := again(t).Token(t.Context(), entry, kept.Token)
		i.mu.Lock()
		lostNow := kept.Refresh == i.before // the issuer may answer after the program is dead
		i.mu.Unlock()
		switch {
		case err == nil:
		case lostNow && fault.Of(err).Code == fault.Denied:
			lost++
			save(t, again(t), i, -time.Minute)
		default:
			t.Fatalf("%v; the refresh token is %q, the issuer has %q and had %q", err, kept.Refresh, i.last, i.before)
		}
	}
	t.Logf("%d refreshes, %d sign-ins lost", i.refreshes, lost)
	path, _ := file(entry)
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("these files are left: %v", left)
	}
}

// What a renewal does with each answer.
func TestAnswers(t *testing.T) {
	i := start(t)
	s := signedIn(t, i, time.Hour)
	token := func() (string, error) {
		token, _, err := again(t).Token(t.Context(), entry, "")
		return token, err
	}
	if got, err := token(); err != nil || got != "token-first" || i.refreshes != 0 {
		t.Errorf("valid: %q, %v, %d refreshes", got, err, i.refreshes)
	}
	// The API server does not accept it: one renewal, and another process takes the new one from the file.
	second, _, err := s.Token(t.Context(), entry, "token-first")
	if err != nil || second == "token-first" || i.refreshes != 1 {
		t.Errorf("rejected: %q, %v, %d refreshes", second, err, i.refreshes)
	}
	if got, _, err := again(t).Token(t.Context(), entry, "token-first"); err != nil || got != second || i.refreshes != 1 {
		t.Errorf("rejected again: %q, %v, %d refreshes", got, err, i.refreshes)
	}
	// A token that ends soon is renewed, but is good enough while the issuer is away.
	save(t, again(t), i, 30*time.Second)
	edit(t, func(r *record) { r.Issued = r.Issued.Add(-time.Hour) })
	i.fails = 1
	if got, err := token(); err != nil || got != "token-first" {
		t.Errorf("ends soon, issuer away: %q, %v", got, err)
	}
	if got, err := token(); err != nil || got == "token-first" {
		t.Errorf("ends soon: %q, %v", got, err)
	}
	// The issuer is away: the refresh token stays.
	save(t, again(t), i, -time.Minute)
	i.fails = 1
	if got, err := token(); fault.Of(err).Code != fault.Failed || recorded(t).Refresh != i.last {
		t.Errorf("issuer away: %q, %v", got, err)
	}
	// The issuer gives a refresh token and no ID token: that is an error, and the refresh token is kept.
	i.opaque = true
	if got, err := token(); fault.Of(err).Code != fault.Failed || recorded(t).Refresh != i.last {
		t.Errorf("no ID token: %q, %v", got, err)
	}
	i.opaque = false
	if _, err := token(); err != nil {
		t.Errorf("ID token again: %v", err)
	}
	save(t, again(t), i, -time.Minute)
	// Another issuer in the settings never gets the refresh token.
	other := start(t)
	l, _ := again(t).Settings.Login(entry)
	l.Issuer = other.URL
	if err := again(t).Settings.KeepLogin(l); err != nil {
		t.Fatal(err)
	}
	if _, err := token(); fault.Of(err).Code != fault.Denied || other.refreshes != 0 {
		t.Errorf("another issuer: %v, %d refreshes", err, other.refreshes)
	}
	// The issuer knows it no longer: it goes.
	save(t, again(t), i, -time.Minute)
	i.last = "another"
	_, err = token()
	if e := fault.Of(err); e.Code != fault.Denied || e.Hint != "psc login apps.example.com" || recorded(t).Refresh != "" {
		t.Errorf("invalid grant: %v, %q, %+v", err, e.Hint, recorded(t))
	}
	asked := i.refreshes
	if _, err = token(); fault.Of(err).Code != fault.Denied || i.refreshes != asked {
		t.Errorf("invalid grant: %v, %d refreshes", err, i.refreshes-asked)
	}
}

// edit changes the file of the sign-in.
func edit(t *testing.T, change func(*record)) {
	t.Helper()
	r := recorded(t)
	change(&r)
	path, _ := file(entry)
	if err := write(path, &r); err != nil {
		t.Fatal(err)
	}
}

// Without room for the answer the issuer is not asked. The folder is a file here: root can write to every folder.
func TestNoRoom(t *testing.T) {
	i := start(t)
	signedIn(t, i, -time.Minute)
	state := os.Getenv("XDG_STATE_HOME")
	if err := os.Rename(filepath.Join(state, "psc"), filepath.Join(state, "moved")); err != nil {
		t.Fatal(err)
	}
	mount := exec.Command("mount", "--bind", "-o", "ro", filepath.Join(state, "moved"), filepath.Join(state, "psc"))
	if err := errors.Join(os.Mkdir(filepath.Join(state, "psc"), 0o700), mount.Run()); err != nil {
		t.Skip("it mounts a file system: not root on Linux")
	}
	t.Cleanup(func() { _ = exec.Command("umount", filepath.Join(state, "psc")).Run() })
	for what, err := range map[string]error{"probe": again(t).Probe(), "token": ask(t), "remove": again(t).Remove(entry)} {
		if e := fault.Of(err); !errors.Is(err, syscall.EROFS) || !strings.Contains(e.Hint, "XDG_STATE_HOME") {
			t.Errorf("%s: %v, %q", what, err, e.Hint)
		}
	}
	if i.refreshes != 0 {
		t.Errorf("%d refreshes", i.refreshes)
	}
}

func ask(t *testing.T) error {
	t.Helper()
	_, _, err := again(t).Token(t.Context(), entry, "")
	return err
}

// A held sign-in can be used before it is written. Revoke tells the issuer, and Remove leaves nothing.
func TestEnd(t *testing.T) {
	i := start(t)
	signedIn(t, i, time.Hour)
	path, _ := file(entry)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	s := again(t)
	want := kube.SignIn{How: "browser", Until: recorded(t).Until, Renews: true, Issuer: i.URL, Address: "apps.example.com", Kept: path}
	if got := s.SignIn(entry); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	s.Hold(entry, "apps.example.com", i.issuer(), login.Tokens{ID: "held", Refresh: "refresh-held", Until: time.Now().Add(time.Hour)})
	if got, _, err := s.Token(t.Context(), entry, ""); err != nil || got != "held" {
		t.Errorf("held: %q, %v", got, err)
	}
	if err := s.Revoke(t.Context(), entry); err != nil || recorded(t).Refresh != i.last {
		t.Errorf("revoke what was held: %v, %+v", err, recorded(t))
	}
	s = again(t)
	if err := errors.Join(s.Revoke(t.Context(), entry), s.Remove(entry), s.Remove(entry), s.Revoke(t.Context(), entry)); err != nil {
		t.Error(err)
	}
	if want := []string{"refresh-held", i.last}; !slices.Equal(i.revoked, want) {
		t.Errorf("revoked %q, want %q", i.revoked, want)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("these files are left: %v", left)
	}
	if e := fault.Of(ask(t)); e.Code != fault.Denied || e.Error() != "you are not signed in to apps.example.com" {
		t.Errorf("%v", &e)
	}
}

// The refresh token is in the keyring, and in the file if the keyring fails later. The library has no other way to test its callers.
func TestKeyring(t *testing.T) {
	i := start(t)
	signedIn(t, i, time.Hour)
	t.Setenv(variable, "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	keyring.MockInit()
	s := again(t)
	if err := s.Probe(); err != nil {
		t.Fatal(err)
	}
	save(t, s, i, -time.Minute)
	secret, err := keyring.Get(service, entry)
	if r := recorded(t); err != nil || secret != i.last || r.Refresh != "" || !r.Keyring || !again(t).SignIn(entry).Renews {
		t.Errorf("%q, %v, %+v", secret, err, r)
	}
	if err := ask(t); err != nil {
		t.Error(err)
	}
	if secret, err := keyring.Get(service, entry); err != nil || secret != i.last || i.refreshes != 1 {
		t.Errorf("renewed: %q, %v", secret, err)
	}
	keyring.MockInitWithError(errors.New("broken"))
	edit(t, func(r *record) { r.Until = time.Now().Add(-time.Minute) })
	if e := fault.Of(ask(t)); !strings.Contains(e.Hint, "PSC_CREDENTIALS=file psc login apps.example.com") || i.refreshes != 1 {
		t.Errorf("broken keyring: %v, %q", &e, e.Hint)
	}
	s = again(t)
	if err := s.Probe(); err != nil {
		t.Errorf("broken keyring: %v", err)
	}
	save(t, s, i, time.Hour)
	if r := recorded(t); r.Keyring || r.Refresh != i.last {
		t.Errorf("%+v", r)
	}
	t.Setenv(variable, "keyring")
	if e := fault.Of(again(t).Probe()); !strings.Contains(e.Hint, "PSC_CREDENTIALS=file") {
		t.Errorf("only the keyring: %v, %q", &e, e.Hint)
	}
	t.Setenv(variable, "elsewhere")
	if e := fault.Of(again(t).Probe()); e.Code != fault.Usage || !strings.Contains(e.Error(), `"elsewhere"`) {
		t.Errorf("%v", &e)
	}
	keyring.MockInit()
}
