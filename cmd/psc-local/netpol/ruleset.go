package netpol

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Ruleset returns a script for nft that replaces all rules at once. A connection has to pass the rules of its source and those of its
// destination. What is refused gets an answer at once, unless the other end
// is new: then its next packet may pass, when its address is known.
func (t Table) Ruleset() string {
	var text strings.Builder
	text.WriteString("table ip psc-policies {}\ndelete table ip psc-policies\ntable ip psc-policies {\n")
	known := make([]string, len(t.Known))
	for i, a := range t.Known {
		known[i] = a.String()
	}
	slices.Sort(known)
	text.WriteString("  set known {\n    type ipv4_addr\n")
	if len(known) > 0 {
		fmt.Fprintf(&text, "    elements = { %s }\n", strings.Join(known, ", "))
	}
	text.WriteString("  }\n")
	var jumps []string
	for _, direction := range []struct {
		name, own, other string
		rules            map[netip.Addr][]Rule
	}{{"out", "saddr", "daddr", t.Egress}, {"in", "daddr", "saddr", t.Ingress}} {
		for _, pod := range slices.SortedFunc(maps.Keys(direction.rules), netip.Addr.Compare) {
			chain := direction.name + "-" + pod.String()
			jumps = append(jumps, fmt.Sprintf("ip %s %s jump %s", direction.own, pod, chain))
			fmt.Fprintf(&text, "  chain %s {\n", chain)
			fmt.Fprintf(&text, "    ip %s %s return\n", direction.other, pod) // a pod always reaches itself
			for _, line := range slices.Compact(slices.Sorted(slices.Values(lines(direction.rules[pod], direction.other)))) {
				fmt.Fprintf(&text, "    %sreturn\n", line)
			}
			fmt.Fprintf(&text, "    ip %s != @known drop\n    reject with icmp type admin-prohibited\n  }\n", direction.other)
		}
	}
	// After kube-proxy has replaced the address of a Service by that of a pod.
	text.WriteString("  chain forward {\n    type filter hook forward priority filter + 10; policy accept;\n    ct state established,related accept\n")
	for _, jump := range jumps {
		fmt.Fprintf(&text, "    %s\n", jump)
	}
	text.WriteString("  }\n}\n")
	return text.String()
}

// lines returns the matches of some rules, each with a space at its end; empty for all connections.
func lines(rules []Rule, other string) []string {
	var out []string
	for _, rule := range rules {
		peers := []string{""}
		if rule.Peers != nil {
			peers = nil
		}
		for _, b := range rule.Peers {
			match := fmt.Sprintf("ip %s %s ", other, b.Masked())
			for _, e := range b.Except {
				match += fmt.Sprintf("ip %s != %s ", other, e.Masked())
			}
			peers = append(peers, match)
		}
		ports := []string{""}
		if rule.Ports != nil {
			ports = nil
		}
		for _, p := range rule.Ports {
			ports = append(ports, p.match())
		}
		for _, peer := range peers {
			for _, port := range ports {
				out = append(out, peer+port)
			}
		}
	}
	return out
}

func (p Port) match() string {
	name := map[corev1.Protocol]string{corev1.ProtocolTCP: "tcp", corev1.ProtocolUDP: "udp", corev1.ProtocolSCTP: "sctp"}[p.Protocol]
	switch p.From {
	case 0:
		return "ip protocol " + name + " "
	case p.To:
		return fmt.Sprintf("%s dport %d ", name, p.From)
	}
	return fmt.Sprintf("%s dport %d-%d ", name, p.From, p.To)
}
