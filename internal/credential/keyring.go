package credential

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/userfile"
)

// variable says where refresh tokens are kept: "file", or "keyring" and nowhere else. By default it is the keyring if it works.
const variable = "PSC_CREDENTIALS"

const (
	service = "psc"
	// keyringPatience is how long psc waits for a keyring. The desktop may ask the user to unlock it.
	keyringPatience = 10 * time.Second
)

// Probe finds out where a sign-in can be kept, before an issuer issues one. It writes, reads and deletes what it tries.
func (s *Store) Probe() error {
	where := os.Getenv(variable)
	switch where {
	case "", "file", "keyring":
	default:
		return fault.New(fault.Usage, "%s is %q, which is neither file nor keyring", variable, where)
	}
	path, err := file("probe")
	if err == nil {
		err = unwritten(userfile.Writable(path))
	}
	if err != nil || where == "file" {
		return err
	}
	err = tryKeyring()
	s.keyring = err == nil
	if err != nil && where == "keyring" {
		return fault.New(fault.Failed, "the keyring does not work: %w", err).WithHint("%s=file keeps the sign-in in a file that only you can read", variable)
	}
	return nil
}

func tryKeyring() error {
	name := "probe-" + strconv.Itoa(os.Getpid())
	err := keep(name, name)
	if err != nil {
		return err
	}
	got, err := recall(name)
	if err == nil && got != name {
		err = errors.New("it does not give what it was given")
	}
	return errors.Join(err, forget(name))
}

// hide moves the refresh token to the keyring. If that fails it stays in the record.
func (r *record) hide(entry string) {
	if r.Keyring = keep(entry, r.Refresh) == nil; r.Keyring {
		r.Refresh = ""
	}
}

func keep(name, secret string) error {
	_, err := fromKeyring(func() (string, error) { return "", keyring.Set(service, name, secret) })
	return err
}

// recall returns a secret; empty if the keyring has none.
func recall(name string) (string, error) {
	secret, err := fromKeyring(func() (string, error) { return keyring.Get(service, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return secret, err
}

func forget(name string) error {
	_, err := fromKeyring(func() (string, error) { return "", keyring.Delete(service, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// fromKeyring asks the keyring, which may wait for the user for ever.
func fromKeyring(ask func() (string, error)) (string, error) {
	if !hasBus() {
		return "", errors.New("there is no session bus")
	}
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		secret, err := ask()
		answers <- answer{secret, err}
	}()
	select {
	case a := <-answers:
		return a.secret, a.err
	case <-time.After(keyringPatience):
		return "", fmt.Errorf("no answer within %s: it may be locked", keyringPatience)
	}
}

// hasBus reports whether the system has a keyring, or a session bus that may have one. Without a bus, the library would start one
// for each process.
func hasBus() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	_, err := os.Stat(filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "bus"))
	return err == nil
}
