package netpol

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// The addresses of the pods of all cases. "ended" has the address of "web" because it has ended, and "host" that of its node.
const (
	web, api, db, prod, other, outside, host = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.1", "10.0.1.2", "192.0.2.7", "10.9.0.1"
)

func pods() []*corev1.Pod {
	pod := func(namespace, name, ip string, change ...func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}}}
		p.Status.PodIP, p.Status.Phase = ip, corev1.PodRunning
		p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}}}
		for _, c := range change {
			c(p)
		}
		return p
	}
	return []*corev1.Pod{
		pod("shop", "web", web), pod("shop", "api", api), pod("shop", "db", db),
		pod("prod", "web", prod), pod("prod", "other", other),
		pod("prod", "ended", web, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		pod("prod", "host", host, func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
		pod("prod", "new", ""),
	}
}

func namespaces() []*corev1.Namespace {
	return []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{"team": "prod"}}},
	}
}

// allows reports what the rules mean.
func (t Table) allows(from, to string, protocol corev1.Protocol, port uint16) bool {
	source, destination := netip.MustParseAddr(from), netip.MustParseAddr(to)
	if source == destination {
		return true
	}
	pass := func(rules map[netip.Addr][]Rule, pod, peer netip.Addr) bool {
		all, isolated := rules[pod]
		return !isolated || slices.ContainsFunc(all, func(r Rule) bool {
			return (r.Peers == nil || slices.ContainsFunc(r.Peers, func(b Block) bool { return b.contains(peer) })) &&
				(r.Ports == nil || slices.ContainsFunc(r.Ports, func(p Port) bool {
					return p.Protocol == protocol && (p.From == 0 || p.From <= port && port <= p.To)
				}))
		})
	}
	return pass(t.Egress, source, destination) && pass(t.Ingress, destination, source)
}

// The cases are those of https://kubernetes.io/docs/concepts/services-networking/network-policies/. Each line of want is a
// connection, with TCP at port 8080 if it does not say more: "api -> db UDP 53". no before it refuses it.
func TestPolicies(t *testing.T) {
	addresses := map[string]string{"web": web, "api": api, "db": db, "prod": prod, "other": other, "outside": outside, "host": host}
	for _, c := range []struct{ name, policies, want string }{
		{"no policy", ``, `api -> web; prod -> web; web -> outside`},
		{"deny all ingress", `{podSelector: {}, policyTypes: [Ingress]}`, `no api -> web; no prod -> web; no outside -> web; web -> prod; web -> web`},
		{"allow all ingress", `{podSelector: {}, ingress: [{}], policyTypes: [Ingress]}`, `api -> web; prod -> web; outside -> web UDP 53`},
		{"empty from", `{podSelector: {}, ingress: [{from: []}]}`, `prod -> web; outside -> web`},
		{"only the selected pods", `{podSelector: {matchLabels: {app: db}}}`, `no api -> db; api -> web; prod -> web; db -> api`},
		{"pods of the namespace", `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`, `api -> web; no prod -> web; no outside -> web`},
		{"podSelector", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}`, `api -> db; no web -> db; no prod -> db`},
		{"namespaceSelector", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: prod}}}]}]}`, `prod -> web; other -> web; no api -> web`},
		{"empty namespaceSelector", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`, `prod -> web; api -> web; no outside -> web`},
		{"namespaceSelector and podSelector", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: prod}}, podSelector: {matchLabels: {app: web}}}]}]}`, `prod -> web; no other -> web; no api -> web`},
		{"two peers", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: prod}}}, {podSelector: {matchLabels: {app: api}}}]}]}`, `other -> web; api -> web; no db -> web`},
		{"matchExpressions", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [api]}]}}]}]}`, `db -> web; no api -> web`},
		{"port", `{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}`, `prod -> web; no prod -> web TCP 81; no prod -> web UDP 8080`},
		{"port and peer", `{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]}`, `api -> web; no api -> web TCP 81; no prod -> web`},
		{"named port", `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`, `prod -> web; no prod -> web TCP 80`},
		{"named port of another protocol", `{podSelector: {}, ingress: [{ports: [{port: dns}]}]}`, `no prod -> web TCP 53; no prod -> web UDP 53`},
		{"UDP", `{podSelector: {}, ingress: [{ports: [{protocol: UDP, port: dns}]}]}`, `prod -> web UDP 53; no prod -> web TCP 53`},
		{"endPort", `{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8090}]}]}`, `prod -> web; prod -> web TCP 8000; prod -> web TCP 8090; no prod -> web TCP 8091`},
		{"all ports of a protocol", `{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}`, `prod -> web UDP 1; no prod -> web`},
		{"ipBlock", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`, `outside -> web; no prod -> web`},
		{"ipBlock except", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.1.0/24]}}]}]}`, `outside -> web; api -> web; no prod -> web`},
		{"deny all egress", `{podSelector: {}, policyTypes: [Egress]}`, `no web -> prod; no web -> outside; no web -> api; prod -> web`},
		{"egress", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}, {to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}]}`, `web -> api; no web -> prod; web -> outside TCP 443; no web -> outside`},
		{"egress to named ports", `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`, `web -> api; web -> prod; no web -> prod TCP 81; no web -> outside`},
		{"default types", `{podSelector: {}, egress: [{}]}`, `no api -> web; web -> prod`},
		{"policies add up", `{podSelector: {}}|{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}`, `api -> web; no db -> web; no web -> api`},
		{"nobody matches", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]}`, `no api -> web; no outside -> web`},
		{"pods that ended, and those of the node", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: prod}}}]}]}`, `no host -> web; web -> host`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var policies []*networkingv1.NetworkPolicy
			for text := range strings.SplitSeq(c.policies, "|") {
				if text == "" {
					continue
				}
				p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}
				if err := yaml.UnmarshalStrict([]byte(text), &p.Spec); err != nil {
					t.Fatal(err)
				}
				policies = append(policies, p)
			}
			table, err := NewTable(pods(), namespaces(), policies)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.SplitSeq(c.want, "; ") {
				words := strings.Fields(line)
				refused := words[0] == "no"
				if refused {
					words = words[1:]
				}
				protocol, port := corev1.ProtocolTCP, uint16(8080)
				if len(words) > 3 {
					protocol = corev1.Protocol(words[3])
					if err := yaml.Unmarshal([]byte(words[4]), &port); err != nil {
						t.Fatal(err)
					}
				}
				if got := table.allows(addresses[words[0]], addresses[words[2]], protocol, port); got == refused {
					t.Errorf("%s: allowed: %v", line, got)
				}
			}
		})
	}
}

func TestRuleset(t *testing.T) {
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}
	const spec = `{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], egress: [{}],
ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.2.0.0/16]}}, {podSelector: {matchLabels: {app: api}}}], ports: [{port: 80, endPort: 90}, {protocol: UDP}]}]}`
	if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(pods(), namespaces(), []*networkingv1.NetworkPolicy{policy})
	if err != nil {
		t.Fatal(err)
	}
	const want = `table ip psc-policies {}
delete table ip psc-policies
table ip psc-policies {
  set known {
    type ipv4_addr
    elements = { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.1.1, 10.0.1.2 }
  }
  chain out-10.0.0.1 {
    ip daddr 10.0.0.1 return
    return
    ip daddr != @known drop
    reject with icmp type admin-prohibited
  }
  chain in-10.0.0.1 {
    ip saddr 10.0.0.1 return
    ip saddr 10.0.0.0/8 ip saddr != 10.2.0.0/16 ip protocol udp return
    ip saddr 10.0.0.0/8 ip saddr != 10.2.0.0/16 tcp dport 80-90 return
    ip saddr 10.0.0.2/32 ip protocol udp return
    ip saddr 10.0.0.2/32 tcp dport 80-90 return
    ip saddr != @known drop
    reject with icmp type admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    ip saddr 10.0.0.1 jump out-10.0.0.1
    ip daddr 10.0.0.1 jump in-10.0.0.1
  }
}
`
	if got := table.Ruleset(); got != want {
		t.Errorf("got:\n%s", got)
	}
}
