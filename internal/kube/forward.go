package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	streaming "k8s.io/streaming/pkg/httpstream"
)

// The errors of a connection in a Tunnel, beside the answer of the node.
var (
	// ErrTunnel means that the Tunnel is closed, and has to be opened again.
	ErrTunnel = errors.New("the connection to the instance broke")
	// ErrUnheard means that the instance refuses connections to the port.
	ErrUnheard = errors.New("nothing listens on this port in the instance")
)

// Tunnel is a connection to an instance, which carries connections to ports of the instance. It is safe for concurrent use.
type Tunnel struct {
	conn streaming.Connection
	last atomic.Int64
}

// Tunnel opens a Tunnel to an instance. WebSocket is the protocol, and SPDY if the server or a proxy refuses that.
func (c *Client) Tunnel(namespace, instance string) (*Tunnel, error) {
	dial, err := c.dial(namespace, instance, "portforward", nil)
	if err != nil {
		return nil, err
	}
	dial.doing = "forward a port of instance " + instance
	web, err := portforward.NewSPDYOverWebsocketDialerForStreaming(dial.url, dial.config)
	if err != nil {
		return nil, err
	}
	plain := spdy.NewDialerForStreaming(dial.upgrader, &http.Client{Transport: dial.spdy}, http.MethodPost, dial.url)
	conn, _, err := portforward.NewFallbackDialerForStreaming(web, plain, dial.refused).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, dial.failure(err)
	}
	return &Tunnel{conn: conn}, nil
}

// Closed reports whether the Tunnel is closed.
func (t *Tunnel) Closed() bool {
	select {
	case <-t.conn.CloseChan():
		return true
	default:
		return false
	}
}

// Close closes the Tunnel and all connections in it.
func (t *Tunnel) Close() { _ = t.conn.Close() }

// Open opens a connection to a port of the instance.
func (t *Tunnel) Open(port int) (*TunnelConn, error) {
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(port))
	header.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(t.last.Add(1), 10))
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	answer, err := t.conn.CreateStream(header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTunnel, err)
	}
	_ = answer.Close() // it is only read
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := t.conn.CreateStream(header)
	if err != nil {
		t.conn.RemoveStreams(answer)
		return nil, fmt.Errorf("%w: %w", ErrTunnel, err)
	}
	return &TunnelConn{tunnel: t, data: data, answer: answer}, nil
}

// TunnelConn is a connection to a port of an instance.
type TunnelConn struct {
	tunnel       *Tunnel
	data, answer streaming.Stream
}

// Join copies all data between the connection and another one, until either ends or the context does. It does not
// close local. The error is that of the instance or of the Tunnel, not that of local.
func (c *TunnelConn) Join(ctx context.Context, local net.Conn) error {
	defer c.tunnel.conn.RemoveStreams(c.data, c.answer)
	answered := make(chan error, 1)
	go func() {
		message, err := io.ReadAll(c.answer)
		if len(message) > 0 {
			err = forwardError(string(message))
		}
		answered <- err
	}()
	received, failed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(received)
		_, _ = io.Copy(local, c.data)
	}()
	go func() {
		if _, err := io.Copy(c.data, local); err != nil {
			close(failed)
		}
		_ = c.data.Close() // the other direction may go on
	}()
	select {
	case <-received:
	case <-failed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_ = c.data.Reset() // data that nobody reads would keep the answer back
	select {
	case err := <-answered:
		if c.tunnel.Closed() {
			return ErrTunnel
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// forwardError returns the error for a message of the node. Runtimes word it in their own ways, around that of the system.
func forwardError(message string) error {
	if strings.Contains(message, "connection refused") {
		return ErrUnheard
	}
	return errors.New(strings.TrimSpace(message))
}
