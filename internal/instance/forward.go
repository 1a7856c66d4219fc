package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// The reasons of a PortError.
var (
	ErrNoPort  = errors.New("has no port")
	ErrNoPorts = errors.New("has no port that it names in its spec")
	ErrUDP     = errors.New("uses UDP, and Kubernetes forwards only TCP")
)

// PortError is the error for a port of an app that cannot be forwarded.
type PortError struct {
	App, Port string
	// Ports are those that can be.
	Ports []Port
	// Err is one of the reasons above.
	Err error
}

// Error implements error.
func (e *PortError) Error() string {
	switch {
	case errors.Is(e.Err, ErrUDP):
		return fmt.Sprintf("port %s of app %q %v", e.Port, e.App, e.Err)
	case errors.Is(e.Err, ErrNoPorts):
		return fmt.Sprintf("app %q %v", e.App, e.Err)
	}
	return fmt.Sprintf("app %q %v %q", e.App, e.Err, e.Port)
}

// Unwrap returns the reason.
func (e *PortError) Unwrap() error { return e.Err }

// Port is a TCP port of an instance.
type Port struct {
	// Name is empty if the app does not name the port.
	Name   string
	Number int
}

// Target is an app whose ports are forwarded to an instance of it, or a single instance. It keeps a connection to the instance
// as long as that is ready.
type Target struct {
	in    *Instances
	name  string
	first Instance

	mu  sync.Mutex
	now *tunnel
}

// tunnel is a connection to an instance. It is closed when it is old and has no more uses.
type tunnel struct {
	*kube.Tunnel
	of   Instance
	uses int
	old  bool
}

// Target connects to a ready instance of an app, or to the instance of that name. The errors are those of Pick, and that of the
// API server if it does not let the user forward ports.
func (in *Instances) Target(ctx context.Context, name string) (*Target, error) {
	t := &Target{in: in, name: name}
	now, _, err := t.acquire(ctx)
	if err != nil {
		return nil, err
	}
	t.release(now, nil)
	t.first = now.of
	return t, nil
}

// Instance returns the instance that the Target connected to first.
func (t *Target) Instance() Instance { return t.first }

// Has reports whether the app names a port so.
func (t *Target) Has(name string) bool {
	return slices.ContainsFunc(t.first.ports(), func(p corev1.ContainerPort) bool { return p.Name == name })
}

// Port returns the port with a name or a number, or the main port of the app if it is empty. A number need not be in the spec of
// the app. The error is a *PortError, or that of the API server.
func (t *Target) Port(ctx context.Context, port string) (Port, error) {
	wrong := &PortError{App: t.first.App(), Port: port, Err: ErrNoPort}
	if port == "" {
		var err error
		if port, err = t.main(ctx); err != nil {
			return Port{}, err
		}
		wrong.Err = ErrNoPorts
	}
	number, _ := strconv.Atoi(port)
	for _, p := range t.first.ports() {
		known := Port{p.Name, int(p.ContainerPort)}
		fits := port != "" && (p.Name == port || known.Number == number)
		switch {
		case p.Protocol == corev1.ProtocolUDP && fits:
			wrong.Port, wrong.Err = port, ErrUDP
		case p.Protocol == corev1.ProtocolUDP:
		case fits:
			return known, nil
		default:
			wrong.Ports = append(wrong.Ports, known)
		}
	}
	if number > 0 && wrong.Err != ErrUDP { //nolint:errorlint // it is never wrapped
		return Port{Number: number}, nil
	}
	return Port{}, wrong
}

// main returns the name of the main port, or "" if the app has no ports. It is the first one of the Service.
func (t *Target) main(ctx context.Context) (string, error) {
	o, err := t.in.kube.Get(ctx, object.Service, t.in.Pod, t.first.App())
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	service, err := kube.As[corev1.Service](o)
	if err != nil || len(service.Spec.Ports) == 0 {
		return "", err
	}
	return service.Spec.Ports[0].TargetPort.String(), nil
}

// ports returns the ports of all containers.
func (i Instance) ports() []corev1.ContainerPort {
	var all []corev1.ContainerPort
	for _, c := range slices.Concat(i.Spec.InitContainers, i.Spec.Containers) {
		all = append(all, c.Ports...)
	}
	return all
}

// Ports returns the names of the TCP ports.
func (i Instance) Ports() []string {
	var names []string
	for _, p := range i.ports() {
		if p.Protocol != corev1.ProtocolUDP && p.Name != "" {
			names = append(names, p.Name)
		}
	}
	return names
}

// ForwardNote is something that happens while a port is forwarded. Exactly one field is set.
type ForwardNote struct {
	// Moved is the instance that connections go to from now on.
	Moved string
	// Err is why a connection was closed.
	Err error
}

// acceptPause is how long to wait when the system has no room for another connection.
const acceptPause = time.Second

// Forward forwards the connections that a listener accepts to a port, each to an instance that is ready then, until the listener
// is closed. tell is called with what happens, by several goroutines.
func (t *Target) Forward(ctx context.Context, from net.Listener, port int, tell func(ForwardNote)) {
	for {
		local, err := from.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			tell(ForwardNote{Err: err})
			time.Sleep(acceptPause)
			continue
		}
		go func() {
			defer func() { _ = local.Close() }()
			if err := t.join(ctx, local, port, tell); err != nil && ctx.Err() == nil {
				if tcp, ok := local.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0) // the client gets an error too, and not a short answer
				}
				tell(ForwardNote{Err: err})
			}
		}()
	}
}

// join joins a connection with one to an instance.
func (t *Target) join(ctx context.Context, local net.Conn, port int, tell func(ForwardNote)) error {
	for again := true; ; again = false {
		now, moved, err := t.acquire(ctx)
		if err != nil {
			return err
		}
		if moved {
			tell(ForwardNote{Moved: now.of.Name})
		}
		remote, err := now.Open(port)
		if err != nil && again { // the connection broke before, and nobody has noticed
			t.release(now, err)
			continue
		}
		if err == nil {
			err = remote.Join(ctx, local)
		}
		t.release(now, err)
		if err != nil {
			return fmt.Errorf("instance %s: %w", now.of.Name, err)
		}
		return nil
	}
}

// acquire returns a connection to a ready instance, and whether it is another instance than before.
func (t *Target) acquire(ctx context.Context) (now *tunnel, moved bool, err error) {
	t.mu.Lock()
	preferred := ""
	if t.now != nil {
		preferred = t.now.of.Name
	}
	t.mu.Unlock()
	err = t.in.using(ctx, t.name, preferred, func(i Instance) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.now == nil || t.now.of.UID != i.UID || t.now.old || t.now.Closed() {
			conn, err := t.in.kube.Tunnel(t.in.Pod, i.Name)
			if err != nil {
				return err
			}
			if t.now != nil {
				moved = t.now.of.UID != i.UID
				t.now.old = true
				t.now.tidy()
			}
			t.now = &tunnel{Tunnel: conn, of: i}
		}
		now = t.now
		now.uses++
		return nil
	})
	return now, moved, err
}

// release ends a use of a connection. After an error nothing new uses it: the container may have been replaced.
func (t *Target) release(of *tunnel, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of.uses--
	of.old = of.old || err != nil
	of.tidy()
}

// tidy closes a connection that nobody needs.
func (t *tunnel) tidy() {
	if t.old && t.uses == 0 {
		t.Close()
	}
}
