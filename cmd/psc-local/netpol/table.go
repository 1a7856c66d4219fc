// Package netpol enforces NetworkPolicies on a node.
//
//	pods, namespaces, policies -- NewTable --> Table -- Table.Ruleset --> nft
//
// A Table has what each isolated pod may connect to and be reached from. Connections of the node itself always pass, as
// https://kubernetes.io/docs/concepts/services-networking/network-policies/ demands of those of the kubelet. Connections that
// exist go on when the policies change.
package netpol

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Table has the rules of the isolated pods by their addresses. A pod that is missing from a map is not isolated in its direction.
type Table struct {
	Ingress, Egress map[netip.Addr][]Rule
	// Known are the addresses of all pods.
	Known []netip.Addr
}

// Rule allows connections with some peers at some ports.
type Rule struct {
	// Peers are the other ends; nil for all.
	Peers []Block
	// Ports are those of the destination; nil for all ports of all protocols.
	Ports []Port
}

// Block is a range of addresses without some.
type Block struct {
	netip.Prefix
	Except []netip.Prefix
}

// Port is a range of ports of a protocol; all of them if From is 0.
type Port struct {
	Protocol corev1.Protocol
	From, To uint16
}

// world is what a Table is made of.
type world struct {
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
	policies   []*networkingv1.NetworkPolicy
}

// NewTable returns the rules of some policies. Pods without an address of their own, and those that have ended, have none.
func NewTable(pods []*corev1.Pod, namespaces []*corev1.Namespace, policies []*networkingv1.NetworkPolicy) (Table, error) {
	w := world{namespaces: map[string]labels.Set{}, policies: policies}
	for _, p := range pods {
		_, err := netip.ParseAddr(p.Status.PodIP)
		ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		if err == nil && !ended && !p.Spec.HostNetwork {
			w.pods = append(w.pods, p)
		}
	}
	for _, n := range namespaces {
		w.namespaces[n.Name] = n.Labels
	}
	t := Table{Ingress: map[netip.Addr][]Rule{}, Egress: map[netip.Addr][]Rule{}}
	for _, p := range w.pods {
		t.Known = append(t.Known, address(p))
	}
	for _, policy := range policies {
		if err := w.add(t, policy); err != nil {
			return t, fmt.Errorf("NetworkPolicy %s/%s: %w", policy.Namespace, policy.Name, err)
		}
	}
	return t, nil
}

// add adds the rules of one policy to the pods that it selects.
func (w world) add(t Table, policy *networkingv1.NetworkPolicy) error {
	types := policy.Spec.PolicyTypes
	if len(types) == 0 { // the API server sets them
		types = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(policy.Spec.Egress) > 0 {
			types = append(types, networkingv1.PolicyTypeEgress)
		}
	}
	selected, err := w.selected(policy.Namespace, &policy.Spec.PodSelector)
	if err != nil {
		return err
	}
	for _, p := range selected {
		var in, out []Rule
		for _, rule := range policy.Spec.Ingress {
			rules, err := w.rules(policy.Namespace, rule.From, rule.Ports, p)
			if err != nil {
				return err
			}
			in = append(in, rules...)
		}
		for _, rule := range policy.Spec.Egress {
			rules, err := w.rules(policy.Namespace, rule.To, rule.Ports, nil)
			if err != nil {
				return err
			}
			out = append(out, rules...)
		}
		if slices.Contains(types, networkingv1.PolicyTypeIngress) {
			t.Ingress[address(p)] = append(t.Ingress[address(p)], in...)
		}
		if slices.Contains(types, networkingv1.PolicyTypeEgress) {
			t.Egress[address(p)] = append(t.Egress[address(p)], out...)
		}
	}
	return nil
}

// rules returns the rules for some peers and ports. Names of ports are those of the destination, or, if that is nil, of each peer.
func (w world) rules(namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, destination *corev1.Pod) ([]Rule, error) {
	blocks, err := w.blocks(namespace, peers)
	if err != nil {
		return nil, err
	}
	named := slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port != nil && p.Port.Type == intstr.String })
	if destination != nil || !named {
		rule, ok := ruleFor(blocks, ports, destination)
		if !ok {
			return nil, nil
		}
		return []Rule{rule}, nil
	}
	// A pod is a destination with names for its ports. Other destinations have none.
	var out []Rule
	if rule, ok := ruleFor(blocks, ports, nil); ok {
		out = append(out, rule)
	}
	for _, p := range w.pods {
		one := []Block{{Prefix: netip.PrefixFrom(address(p), 32)}}
		if blocks != nil && !slices.ContainsFunc(blocks, func(b Block) bool { return b.contains(address(p)) }) {
			continue
		}
		if rule, ok := ruleFor(one, ports, p); ok {
			out = append(out, rule)
		}
	}
	return out, nil
}

// ruleFor returns the rule for some ports of a destination. It is not ok if the destination has none of them.
func ruleFor(blocks []Block, ports []networkingv1.NetworkPolicyPort, destination *corev1.Pod) (rule Rule, ok bool) {
	rule = Rule{Peers: blocks}
	for _, p := range ports {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case p.Port == nil:
			rule.Ports = append(rule.Ports, Port{Protocol: protocol})
		case p.Port.Type == intstr.Int:
			port := Port{Protocol: protocol, From: uint16(p.Port.IntVal), To: uint16(p.Port.IntVal)}
			if p.EndPort != nil {
				port.To = uint16(*p.EndPort)
			}
			rule.Ports = append(rule.Ports, port)
		case destination != nil:
			for _, number := range numbers(destination, p.Port.StrVal, protocol) {
				rule.Ports = append(rule.Ports, Port{Protocol: protocol, From: number, To: number})
			}
		}
	}
	return rule, (len(ports) == 0 || len(rule.Ports) > 0) && (blocks == nil || len(blocks) > 0)
}

// numbers returns the ports of a pod with a name.
func numbers(p *corev1.Pod, name string, protocol corev1.Protocol) []uint16 {
	var out []uint16
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == name && (port.Protocol == protocol || port.Protocol == "" && protocol == corev1.ProtocolTCP) {
				out = append(out, uint16(port.ContainerPort))
			}
		}
	}
	return out
}

// blocks returns the addresses of some peers: nil for all, and empty if no pod is one of them.
func (w world) blocks(namespace string, peers []networkingv1.NetworkPolicyPeer) ([]Block, error) {
	if len(peers) == 0 {
		return nil, nil
	}
	out := []Block{}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			block, err := blockOf(peer.IPBlock)
			if err != nil {
				return nil, err
			}
			out = append(out, block)
			continue
		}
		selected, err := w.peers(namespace, peer)
		if err != nil {
			return nil, err
		}
		for _, p := range selected {
			out = append(out, Block{Prefix: netip.PrefixFrom(address(p), 32)})
		}
	}
	return out, nil
}

func blockOf(of *networkingv1.IPBlock) (Block, error) {
	var b Block
	var err error
	if b.Prefix, err = netip.ParsePrefix(of.CIDR); err != nil {
		return b, err
	}
	for _, text := range of.Except {
		except, err := netip.ParsePrefix(text)
		if err != nil {
			return b, err
		}
		b.Except = append(b.Except, except)
	}
	return b, nil
}

// peers returns the pods that one peer selects, in the policy's namespace or in the selected ones.
func (w world) peers(namespace string, peer networkingv1.NetworkPolicyPeer) ([]*corev1.Pod, error) {
	pods := peer.PodSelector
	if pods == nil {
		pods = &metav1.LabelSelector{}
	}
	if peer.NamespaceSelector == nil {
		return w.selected(namespace, pods)
	}
	selector, err := metav1.LabelSelectorAsSelector(peer.NamespaceSelector)
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for name, set := range w.namespaces {
		if !selector.Matches(set) {
			continue
		}
		selected, err := w.selected(name, pods)
		if err != nil {
			return nil, err
		}
		out = append(out, selected...)
	}
	return out, nil
}

// selected returns the pods of a namespace that a selector matches.
func (w world) selected(namespace string, by *metav1.LabelSelector) ([]*corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for _, p := range w.pods {
		if p.Namespace == namespace && selector.Matches(labels.Set(p.Labels)) {
			out = append(out, p)
		}
	}
	return out, nil
}

func address(p *corev1.Pod) netip.Addr { return netip.MustParseAddr(p.Status.PodIP) }

func (b Block) contains(a netip.Addr) bool {
	return b.Contains(a) && !slices.ContainsFunc(b.Except, func(e netip.Prefix) bool { return e.Contains(a) })
}
