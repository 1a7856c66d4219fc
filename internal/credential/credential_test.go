package credential

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/zalando/go-keyring"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/login/issuertest"
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

func start(t *testing.T) *issuertest.Server {
	t.Helper()
	i := issuertest.Start()
	t.Cleanup(i.Close)
	return i
}

// signedIn signs in at an issuer, in folders of the test. The token ends at a time from now.
func signedIn(t *testing.T, i *issuertest.Server, ends time.Duration) *Store {
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

func save(t *testing.T, s *Store, i *issuertest.Server, ends time.Duration) {
	t.Helper()
	s.Hold(entry, "apps.example.com", i.Issuer(), login.Tokens{ID: "token-first", Refresh: i.State().Last, Until: time.Now().Add(ends), How: "browser"})
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
	if i.State().Refreshes != 1 {
		t.Errorf("%d refreshes", i.State().Refreshes)
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
		lostNow := kept.Refresh == i.State().Before // the issuer may answer after the program is dead
		switch {
		case err == nil:
		case lostNow && fault.Of(err).Code == fault.Denied:
			lost++
			save(t, again(t), i, -time.Minute)
		default:
			t.Fatalf("%v; the refresh token is %q, the issuer has %q and had %q", err, kept.Refresh, i.State().Last, i.State().Before)
		}
	}
	t.Logf("%d refreshes, %d sign-ins lost", i.State().Refreshes, lost)
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
	if got, err := token(); err != nil || got != "token-first" || i.State().Refreshes != 0 {
		t.Errorf("valid: %q, %v, %d refreshes", got, err, i.State().Refreshes)
	}
	// The API server does not accept it: one renewal, and another process takes the new one from the file.
	second, _, err := s.Token(t.Context(), entry, "token-first")
	if err != nil || second == "token-first" || i.State().Refreshes != 1 {
		t.Errorf("rejected: %q, %v, %d refreshes", second, err, i.State().Refreshes)
	}
	if got, _, err := again(t).Token(t.Context(), entry, "token-first"); err != nil || got != second || i.State().Refreshes != 1 {
		t.Errorf("rejected again: %q, %v, %d refreshes", got, err, i.State().Refreshes)
	}
	// A token that ends soon is renewed, but is good enough while the issuer is away.
	save(t, again(t), i, 30*time.Second)
	edit(t, func(r *record) { r.Issued = r.Issued.Add(-time.Hour) })
	i.Change(func(s *issuertest.State) { s.Fails = 1 })
	if got, err := token(); err != nil || got != "token-first" {
		t.Errorf("ends soon, issuer away: %q, %v", got, err)
	}
	if got, err := token(); err != nil || got == "token-first" {
		t.Errorf("ends soon: %q, %v", got, err)
	}
	// The issuer is away: the refresh token stays.
	save(t, again(t), i, -time.Minute)
	i.Change(func(s *issuertest.State) { s.Fails = 1 })
	if got, err := token(); fault.Of(err).Code != fault.Failed || recorded(t).Refresh != i.State().Last {
		t.Errorf("issuer away: %q, %v", got, err)
	}
	// The issuer gives a refresh token and no ID token: that is an error, and the refresh token is kept.
	i.Change(func(s *issuertest.State) { s.Opaque = true })
	if got, err := token(); fault.Of(err).Code != fault.Failed || recorded(t).Refresh != i.State().Last {
		t.Errorf("no ID token: %q, %v", got, err)
	}
	i.Change(func(s *issuertest.State) { s.Opaque = false })
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
	if _, err := token(); fault.Of(err).Code != fault.Denied || other.State().Refreshes != 0 {
		t.Errorf("another issuer: %v, %d refreshes", err, other.State().Refreshes)
	}
	// The issuer knows it no longer: it goes.
	save(t, again(t), i, -time.Minute)
	i.Change(func(s *issuertest.State) { s.Last = "another" })
	_, err = token()
	if e := fault.Of(err); e.Code != fault.Denied || e.Hint != "psc login apps.example.com" || recorded(t).Refresh != "" {
		t.Errorf("invalid grant: %v, %q, %+v", err, e.Hint, recorded(t))
	}
	asked := i.State().Refreshes
	if _, err = token(); fault.Of(err).Code != fault.Denied || i.State().Refreshes != asked {
		t.Errorf("invalid grant: %v, %d refreshes", err, i.State().Refreshes-asked)
	}
}

// A program that is interrupted while the issuer answers writes the answer before it ends.
func TestInterrupted(t *testing.T) {
	i := start(t)
	s := signedIn(t, i, -time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	settled := make(chan record, 1)
	i.Change(func(state *issuertest.State) {
		state.Asked = func() {
			cancel()
			go func() {
				s.Settle()
				settled <- recorded(t)
			}()
			time.Sleep(50 * time.Millisecond) // a Settle that does not wait reads the old record
		}
	})
	token, _, err := s.Token(ctx, entry, "")
	if r := <-settled; err != nil || r.Token != token || r.Refresh != i.State().Last {
		t.Errorf("%q, %v, %+v", token, err, r)
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

// Without room for the answer the issuer is not asked.
func TestNoRoom(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("it mounts a file system: not root on Linux")
	}
	i := start(t)
	signedIn(t, i, -time.Minute)
	kept := recorded(t)
	dir := filepath.Join(os.Getenv("XDG_STATE_HOME"), "psc")
	mount := func(args ...string) {
		if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
	}
	mount("-t", "tmpfs", "-o", "size=64k", "tmpfs")
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	path, err := file(entry)
	if err := errors.Join(err, write(path, &kept), os.WriteFile(filepath.Join(dir, "other"), make([]byte, 40_000), 0o600)); err != nil {
		t.Fatal(err)
	}
	check := func(want error, all map[string]error) {
		for what, err := range all {
			if e := fault.Of(err); !errors.Is(err, want) || !strings.Contains(e.Hint, "XDG_STATE_HOME") {
				t.Errorf("%s: %v, %q", what, err, e.Hint)
			}
		}
	}
	check(syscall.ENOSPC, map[string]error{"probe": again(t).Probe(), "token": ask(t)})
	mount("-o", "remount,ro")
	check(syscall.EROFS, map[string]error{"probe": again(t).Probe(), "token": ask(t), "remove": again(t).Remove(entry)})
	if asked := i.State().Refreshes; asked != 0 {
		t.Errorf("%d refreshes", asked)
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
	s.Hold(entry, "apps.example.com", i.Issuer(), login.Tokens{ID: "held", Refresh: "refresh-held", Until: time.Now().Add(time.Hour)})
	if got, _, err := s.Token(t.Context(), entry, ""); err != nil || got != "held" {
		t.Errorf("held: %q, %v", got, err)
	}
	s.Drop(t.Context(), entry)
	if got, _, err := s.Token(t.Context(), entry, ""); err != nil || got != "token-first" || recorded(t).Refresh != i.State().Last {
		t.Errorf("dropped what was held: %q, %v, %+v", got, err, recorded(t))
	}
	s = again(t)
	s.Drop(t.Context(), entry)
	if err := errors.Join(s.Revoke(t.Context(), entry), s.Remove(entry), s.Remove(entry), s.Revoke(t.Context(), entry)); err != nil {
		t.Error(err)
	}
	if want := []string{"refresh-held", "refresh-first"}; !slices.Equal(i.State().Revoked, want) {
		t.Errorf("revoked %q, want %q", i.State().Revoked, want)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("these files are left: %v", left)
	}
	if e := fault.Of(ask(t)); e.Code != fault.Denied || e.Error() != "you are not signed in to apps.example.com" {
		t.Errorf("%v", &e)
	}
	// The kubeconfig could not be written after the sign-in was.
	i.Change(func(state *issuertest.State) { state.Last = "refresh-second" })
	s = again(t)
	save(t, s, i, time.Hour)
	s.Drop(t.Context(), entry)
	if revoked := i.State().Revoked; len(revoked) != 3 || exists(entry) {
		t.Errorf("dropped what was saved: revoked %q", revoked)
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
	if r := recorded(t); err != nil || secret != i.State().Last || r.Refresh != "" || !r.Keyring || !again(t).SignIn(entry).Renews {
		t.Errorf("%q, %v, %+v", secret, err, r)
	}
	if err := ask(t); err != nil {
		t.Error(err)
	}
	if secret, err := keyring.Get(service, entry); err != nil || secret != i.State().Last || i.State().Refreshes != 1 {
		t.Errorf("renewed: %q, %v", secret, err)
	}
	s.Hold(entry, "apps.example.com", i.Issuer(), login.Tokens{ID: "token-only", Until: time.Now().Add(time.Hour)})
	if err := s.Save(entry); err != nil || again(t).SignIn(entry).Renews {
		t.Errorf("no refresh token: %v, %+v", err, recorded(t))
	}
	save(t, s, i, time.Hour)
	keyring.MockInitWithError(errors.New("broken"))
	edit(t, func(r *record) { r.Until = time.Now().Add(-time.Minute) })
	if e := fault.Of(ask(t)); !strings.Contains(e.Hint, "PSC_CREDENTIALS=file psc login apps.example.com") || i.State().Refreshes != 1 {
		t.Errorf("broken keyring: %v, %q", &e, e.Hint)
	}
	s = again(t)
	if err := s.Probe(); err != nil {
		t.Errorf("broken keyring: %v", err)
	}
	save(t, s, i, time.Hour)
	if r := recorded(t); r.Keyring || r.Refresh != i.State().Last {
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
