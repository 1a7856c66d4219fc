package gateway

import (
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pool holds the addresses of the pods behind every Service port. It changes without a translation, so only
// one event lies between the end of a pod's readiness and its last request.
type pool struct {
	mu       sync.RWMutex
	services map[types.NamespacedName]map[string]*endpoints // by port name
}

type endpoints struct {
	addresses []string
	turn      atomic.Uint64
}

// set replaces the endpoints of a Service by those of its EndpointSlices that are ready and not terminating.
// A terminating pod may report that it is ready until its end, but is about to stop listening.
func (p *pool) set(name types.NamespacedName, from []*discovery.EndpointSlice) {
	ports := map[string]*endpoints{}
	for _, slice := range from {
		for _, port := range slice.Ports {
			if port.Port == nil || slice.AddressType == discovery.AddressTypeFQDN {
				continue
			}
			key := ""
			if port.Name != nil {
				key = *port.Name
			}
			if ports[key] == nil {
				ports[key] = &endpoints{}
			}
			for _, e := range slice.Endpoints {
				if c := e.Conditions; c.Ready != nil && !*c.Ready || c.Terminating != nil && *c.Terminating || len(e.Addresses) == 0 {
					continue
				}
				address := net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*port.Port)))
				ports[key].addresses = append(ports[key].addresses, address)
			}
		}
	}
	for _, e := range ports { // while an endpoint moves between slices it may be in both
		slices.Sort(e.addresses)
		e.addresses = slices.Compact(e.addresses)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(from) == 0 {
		delete(p.services, name)
		return
	}
	p.services[name] = ports
}

// next returns the next endpoint of s in turn that is not in tried, or "".
func (p *pool) next(s service, tried []string) string {
	p.mu.RLock()
	e := p.services[types.NamespacedName{Namespace: s.namespace, Name: s.name}][s.port]
	p.mu.RUnlock()
	if e == nil {
		return ""
	}
	turn := e.turn.Add(1)
	for i := range e.addresses {
		address := e.addresses[(turn+uint64(i))%uint64(len(e.addresses))]
		if !slices.Contains(tried, address) {
			return address
		}
	}
	return ""
}
