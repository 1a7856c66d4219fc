package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // spdy.Upgrader has its types
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/transport/websocket"
	utilexec "k8s.io/client-go/util/exec"
	streaming "k8s.io/streaming/pkg/httpstream"
)

// Streams are the streams of a process in an instance. Each may be nil.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Size returns the size of the terminal; it is nil if the process gets none. A process with a terminal writes only to Out.
	Size func() (width, height int)
}

// Process is a process in an instance, or the first one of a container if it has no command.
type Process struct {
	Instance, Container string
	Command             []string
}

// ExitError is the error for a process that has ended with another exit code than 0.
type ExitError struct{ Code int }

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// The errors of a process, beside an *ExitError.
var (
	// ErrBroken means that the connection broke: how the process ends is not known.
	ErrBroken = errors.New("the connection to the process broke, so its exit code is not known")
	// ErrNotStarted wraps the answer of the node that could not start the command.
	ErrNotStarted = errors.New("the command did not start")
)

// Run runs a command in an instance, or attaches to a container, until it ends. WebSocket is the protocol, and SPDY if the
// server or a proxy refuses that. When the context ends only the connection is closed.
func (c *Client) Run(ctx context.Context, namespace string, p Process, s Streams) error {
	query := url.Values{"container": {p.Container}, "command": p.Command}
	action := "attach"
	if len(p.Command) > 0 {
		action = "exec"
	}
	for option, set := range map[string]bool{
		"stdin": s.In != nil, "stdout": s.Out != nil, "stderr": s.Err != nil && s.Size == nil, "tty": s.Size != nil,
	} {
		if set {
			query.Set(option, "true")
		}
	}
	dial, err := c.dial(namespace, p.Instance, action, query)
	if err != nil {
		return err
	}
	web, err := remotecommand.NewWebSocketExecutor(dial.config, http.MethodGet, dial.url.String())
	if err != nil {
		return err
	}
	plain, err := remotecommand.NewSPDYExecutorForTransports(dial.spdy, endings{dial.upgrader}, http.MethodPost, dial.url)
	if err != nil {
		return err
	}
	either, err := remotecommand.NewFallbackExecutor(web, plain, dial.refused)
	if err != nil {
		return err
	}
	var flow Flow
	s.Out, s.Err = flow.Through(s.Out), flow.Through(s.Err)
	if s.In != nil {
		s.In = &flowReader{flow: &flow, from: s.In, terminal: s.Size != nil}
	}
	lifting, end := context.WithCancel(ctx)
	defer end()
	go flow.lift(lifting, &dial.socket)
	options := remotecommand.StreamOptions{Stdin: s.In, Stdout: s.Out, Stderr: s.Err, Tty: s.Size != nil}
	if s.Size != nil {
		options.Stderr, options.TerminalSizeQueue = nil, &sizes{ctx: ctx, size: s.Size}
	}
	return c.ended(ctx, dial, either.StreamWithContext(ctx, options))
}

// begins comes before the reason in the message of a runtime, after all that it has called.
const begins = "unable to start container process: "

// ended returns the error for the end of a process.
func (c *Client) ended(ctx context.Context, d *dial, err error) error {
	var exit utilexec.CodeExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit):
		return &ExitError{Code: exit.Code}
	case !d.open.Load():
		return d.failure(err)
	case errors.Unwrap(err) != nil: // the executor wraps what breaks a connection, and not what the server says
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	message := err.Error()
	if at := strings.LastIndex(message, begins); at >= 0 {
		message = message[at+len(begins):]
	}
	return fmt.Errorf("%w: %s", ErrNotStarted, message)
}

// dial is how a connection to an instance is opened.
type dial struct {
	client   *Client
	doing    string
	config   *rest.Config
	url      *url.URL
	spdy     http.RoundTripper
	upgrader spdy.Upgrader
	open     atomic.Bool              // the API server has accepted it
	socket   atomic.Pointer[net.Conn] // of the WebSocket
	why      error                    // why there is no WebSocket
}

// dial prepares a connection for a subresource of an instance.
func (c *Client) dial(namespace, instance, action string, query url.Values) (*dial, error) {
	client, err := c.rest(corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	d := &dial{client: c, doing: action + " in instance " + instance, config: rest.CopyConfig(c.config)}
	d.url = client.Get().Namespace(namespace).Resource("pods").Name(instance).SubResource(action).URL()
	d.url.RawQuery = query.Encode()
	innermost := func(next http.RoundTripper) http.RoundTripper { return opened{next, d} }
	d.config.WrapTransport = transport.Wrappers(innermost, d.config.WrapTransport)
	d.spdy, d.upgrader, err = spdy.RoundTripperFor(d.config)
	return d, err
}

// refused reports whether a WebSocket was refused, and keeps why.
func (d *dial) refused(err error) bool {
	d.why = err
	return streaming.IsUpgradeFailure(err) || streaming.IsHTTPSProxyError(err)
}

// failure returns the error for a connection that was not opened. Only the error of the WebSocket has the answer as a value.
func (d *dial) failure(err error) error {
	var upgrade *streaming.UpgradeFailureError
	var status apierrors.APIStatus
	if errors.As(d.why, &upgrade) && errors.As(upgrade.Cause, &status) {
		err = upgrade.Cause
	}
	return d.client.wrap(err, "%s", d.doing)
}

// opened notes that the API server has accepted a connection, and which one is its WebSocket.
type opened struct {
	next http.RoundTripper
	dial *dial
}

// RoundTrip implements http.RoundTripper.
func (o opened) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusSwitchingProtocols {
		o.dial.open.Store(true)
		if holder, ok := o.next.(websocket.ConnectionHolder); ok {
			conn := holder.Connection().NetConn()
			o.dial.socket.Store(&conn)
		}
	}
	return answer, err
}

// endings makes the end of a SPDY connection an error if it comes before the exit code: the executor would take it for 0.
type endings struct{ spdy.Upgrader }

// NewConnection implements spdy.Upgrader.
func (e endings) NewConnection(answer *http.Response) (httpstream.Connection, error) {
	conn, err := e.Upgrader.NewConnection(answer)
	return endingConnection{conn}, err
}

type endingConnection struct{ httpstream.Connection }

// CreateStream implements httpstream.Connection.
func (c endingConnection) CreateStream(header http.Header) (httpstream.Stream, error) {
	stream, err := c.Connection.CreateStream(header)
	if err == nil && header.Get(corev1.StreamType) == corev1.StreamTypeError {
		return &exitStream{Stream: stream}, nil
	}
	return stream, err
}

// exitStream is the stream of the exit code.
type exitStream struct {
	httpstream.Stream
	told bool
}

// Read implements io.Reader.
func (s *exitStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.told = s.told || n > 0
	if errors.Is(err, io.EOF) && !s.told {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// sizes is the queue of the sizes of a terminal. Not every system has a signal for a new size.
type sizes struct {
	ctx  context.Context //nolint:containedctx // Next has none
	size func() (width, height int)
	last remotecommand.TerminalSize
}

// sizePeriod is how often the size of a terminal is read.
const sizePeriod = 200 * time.Millisecond

// Next implements remotecommand.TerminalSizeQueue.
func (s *sizes) Next() *remotecommand.TerminalSize {
	for {
		width, height := s.size()
		now := remotecommand.TerminalSize{Width: uint16(width), Height: uint16(height)}
		if now != s.last && width > 0 && height > 0 {
			s.last = now
			return &now
		}
		select {
		case <-s.ctx.Done():
			return nil
		case <-time.After(sizePeriod):
		}
	}
}
