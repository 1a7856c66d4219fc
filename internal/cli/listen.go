package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/pscdev/psc/internal/fault"
)

// localhost is 127.0.0.1 and ::1.
const localhost = "localhost"

// listening is a port of this machine.
type listening struct {
	address   string
	listeners []net.Listener
}

func (l *listening) close() {
	for _, one := range l.listeners {
		_ = one.Close()
	}
}

// listen listens on a port of this machine for a port of an app. local is empty for the same number, and 0 for a free port.
func listen(address, local string, port int, app string) (*listening, error) {
	number := port
	if local != "" {
		number, _ = strconv.Atoi(local)
	}
	for tries := 10; ; tries-- {
		found, err := listenOn(address, number)
		busy := errors.Is(err, busyPort)
		switch {
		case err == nil:
			return found, nil
		case busy && number == 0 && tries > 1: // it is free on 127.0.0.1, and not on ::1
			continue
		case busy:
			err = fmt.Errorf("port %d of this machine is in use", number)
		case errors.Is(err, deniedPort):
			err = fmt.Errorf("the system does not let you use port %d of this machine", number)
		case errors.Is(err, foreignAddress):
			return nil, fault.New(fault.Usage, "--address %s is not an address of this machine", address)
		default:
			return nil, fault.New(fault.Failed, "%w", err)
		}
		return nil, fault.New(fault.Failed, "%w", err).WithHint("psc port-forward %s :%d picks a free one", app, port)
	}
}

// listenOn listens on all addresses of localhost, or on one address. A machine may have no IPv6. But another program on the same
// port of ::1 would get the connections to localhost.
func listenOn(address string, number int) (*listening, error) {
	hosts := []string{address}
	if address == localhost {
		hosts = []string{"127.0.0.1", "::1"}
	}
	found := &listening{}
	for n, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(number))) //nolint:noctx // it does not wait
		switch {
		case err == nil:
			found.listeners = append(found.listeners, l)
			if addr, ok := l.Addr().(*net.TCPAddr); ok {
				number = addr.Port
			}
		case n == 0, errors.Is(err, busyPort):
			found.close()
			return nil, err
		}
	}
	found.address = net.JoinHostPort(address, strconv.Itoa(number))
	return found, nil
}
