package convert

import "strings"

// whole says why an object of a kind is left out, and what to do.
func whole(kind string) string {
	switch kind {
	case "StatefulSet":
		return "psc has no instances with a name and a disk of their own: keep it beside the pod's apps, which reach it as before"
	case "DaemonSet":
		return "psc has no app with an instance on every node: keep it beside the pod's apps"
	case "Pod", "ReplicaSet", "ReplicationController":
		return "write it as a Deployment first: psc takes in only those"
	case "Job":
		return "it runs once: make a job of it that runs before a deploy, or that someone starts"
	case "ServiceAccount":
		return "psc gives each app an account of its own, without access to the API of the cluster"
	case "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
		return "psc gives apps no access to the API of the cluster, and people get theirs as members"
	case "PodDisruptionBudget":
		return "psc makes its own: an app with several instances loses at most one at a time. Delete this one after the deploy"
	case "NetworkPolicy":
		return "psc has no network policies: keep it, and check that it selects the instances by labels that they still have"
	case "Namespace":
		return "a pod is a namespace that exists already"
	case "ResourceQuota", "LimitRange":
		return "quotas and defaults are settings of the pod"
	case "CustomResourceDefinition":
		return "it belongs to the cluster: apply it with kubectl"
	}
	return "psc has no such kind: apply it with kubectl"
}

// advice says what to do about a field that was left out. It looks for the most special part of its path.
func advice(path string) string {
	if strings.Contains(path, "jobTemplate.spec.template.spec.containers[") && strings.HasSuffix(path, "]") {
		return "a job runs one program: this container is left out"
	}
	for _, row := range []struct{ part, do string }{
		{"initContainers", "psc has no init containers: do this work in the command of the app, or in a job before the deploy"},
		{"lifecycle", "psc has no hooks: it waits 5s before it stops an instance with ports, so that no request is lost"},
		{"Probe.initialDelaySeconds", "psc needs no delay: its checks begin to count when the instance was healthy for the first time"},
		{"Probe.failureThreshold", "psc acts on 3 failures in a row"},
		{"Probe.successThreshold", "psc acts on the first success"},
		{"startupProbe", "psc uses the health check until the instance is ready: set startGrace to the time that this may take"},
		{"Probe", "psc checks with a path, a command, TCP or gRPC: set the health check by hand"},
		{"imagePullSecrets", "log in to the registry once for the whole pod"},
		{"serviceAccount", "psc gives each app an account of its own, without access to the API of the cluster"},
		{"automountServiceAccountToken", "psc gives instances no token for the API of the cluster"},
		{"nodeSelector", "psc does not choose nodes"},
		{"affinity", "psc does not choose nodes: it spreads the instances of an app over them"},
		{"tolerations", "psc does not choose nodes"},
		{"topologySpreadConstraints", "psc spreads the instances of an app over the nodes itself"},
		{"priorityClassName", "psc has no priorities"},
		{"hostNetwork", "psc gives instances a network of their own: a route makes an app reachable"},
		{"hostPort", "psc opens no ports of the node: a route makes an app reachable"},
		{"hostAliases", "psc has no host aliases"},
		{"readOnlyRootFilesystem", "psc leaves the file system writable"},
		{"privileged", "psc runs no privileged containers"},
		{"runAsGroup", "psc sets no group: the one of the image counts"},
		{"fsGroup", "psc uses the number of the user as the group of disks"},
		{"securityContext", "psc sets the security of containers itself: only the user and added capabilities can be chosen"},
		{"workingDir", "psc uses the folder of the image: put cd into the command"},
		{"resources", "psc has requests and limits for CPU and memory only"},
		{"rollingUpdate", "psc starts a quarter more instances, and stops an old one when a new one is ready"},
		{"minReadySeconds", "psc waits until the health check succeeds"},
		{"resourceFieldRef", "psc has no variables with sizes: write the value itself"},
		{"fieldRef", "psc knows the name, the address and the node of the instance"},
		{"valueFrom", "psc has no such source of a variable: set the variable by hand"},
		{"envFrom", "the object is not there, or is listed twice: set the variables by hand"},
		{"volumes", "psc mounts configs, secrets, disks and empty folders: this volume and its mounts are left out"},
		{"volumeMounts", "the mount is left out, because psc cannot mount this volume in this way"},
		{"sessionAffinity", "psc spreads requests over all instances"},
		{"externalTrafficPolicy", "the Service of an app has no port outside of the cluster"},
		{"nodePort", "the Service of an app has no port on the nodes: a route makes it reachable"},
		{"loadBalancer", "the Service of an app has no address outside of the cluster: a route makes it reachable"},
		{"ingressClassName", "psc serves routes with the Gateway of the cluster"},
		{"parentRefs", "psc uses the Gateway that the cluster is set up with, and one of its listeners"},
		{"filters", "psc routes have no filters: do this in the app"},
		{"timeouts", "psc routes have no timeouts of their own"},
		{"matches", "psc routes match hosts and paths only"},
		{"behavior", "psc leaves the speed of scaling to the cluster"},
		{"metrics", "psc scales by the CPU usage only"},
		{"volumeName", "the cluster chooses the volume of a disk"},
		{"dataSource", "a disk begins empty: copy the data into it"},
		{"startingDeadlineSeconds", "psc sets no deadline for a run that starts late"},
		{"ttlSecondsAfterFinished", "psc keeps a number of runs: set history"},
		{"failedJobsHistoryLimit", "psc keeps as many runs that failed as runs that succeeded"},
		{"paused", "psc deploys it, and it runs"},
	} {
		if strings.Contains(path, row.part) {
			return row.do
		}
	}
	return "psc has no such field, or not with this value"
}
