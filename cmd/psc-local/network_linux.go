package main

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setUpNetwork sets up loopback, which also carries the node's address. The node's network namespace has nothing else
// but the bridge of its instances: there is no way out.
func setUpNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	address, err := netlink.ParseAddr(nodeAddress + "/32")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set loopback up: %w", err)
	}
	if err := netlink.AddrAdd(lo, address); err != nil {
		return fmt.Errorf("add %s: %w", address, err)
	}
	_, services, err := net.ParseCIDR(serviceRange)
	if err != nil {
		return err
	}
	_, everything, err := net.ParseCIDR("0.0.0.0/0")
	if err != nil {
		return err
	}
	for _, route := range []netlink.Route{
		// Without a route the kernel refuses a Service's address before kube-proxy's rules see the packet.
		{LinkIndex: lo.Attrs().Index, Dst: services, Src: address.IP},
		{Dst: everything, Type: unix.RTN_UNREACHABLE},
	} {
		if err := netlink.RouteAdd(&route); err != nil {
			return fmt.Errorf("add a route to %s: %w", route.Dst, err)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) //nolint:gosec // not a file
}
