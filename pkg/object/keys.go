package object

// Manager is the value of LabelManagedBy, and psc's field manager for server-side apply:
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
const Manager = "psc"

// Labels of the objects that psc renders. The app.kubernetes.io labels are those of
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelName      = "app.kubernetes.io/name"
	LabelPartOf    = "app.kubernetes.io/part-of"
	// LabelPod carries the name of the pod, on its namespace and on every object in it that psc renders.
	LabelPod = "psc.dev/pod"
	// LabelApp, LabelRoute, LabelDisk and LabelJob carry the name of the resource that an object was rendered from. The runs of a job
	// have LabelJob too. Those that no deploy has written do not have LabelPod, so that no deploy removes them.
	LabelApp   = "psc.dev/app"
	LabelRoute = "psc.dev/route"
	LabelDisk  = "psc.dev/disk"
	LabelJob   = "psc.dev/job"
	// LabelRun carries the name of the app that a run is of, on the Job of the run and on its instance. These have neither LabelPod
	// nor LabelApp: no Service, Deployment or deploy may take them for its own.
	LabelRun = "psc.dev/run"
	// LabelMember carries the name of a member, on the ServiceAccount that was created for it.
	LabelMember = "psc.dev/member"
	// LabelEnforce is https://kubernetes.io/docs/concepts/security/pod-security-admission/
	LabelEnforce = "pod-security.kubernetes.io/enforce"
)

// Labels of the objects in which psc keeps something: a record, what records have in common, a file of a config, values of a
// secret, the logins to registries. Each carries the number or name that it is about.
const (
	LabelRevision = "psc.dev/revision"
	LabelBase     = "psc.dev/base"
	LabelConfig   = "psc.dev/config"
	LabelSecret   = "psc.dev/secret" //nolint:gosec // the name of a label
	LabelRegistry = "psc.dev/registry"
)

// Annotations of rendered objects and of the pod's namespace.
const (
	// AnnotationHash is the hash of the object as it was rendered.
	AnnotationHash = "psc.dev/hash"
	// AnnotationFence gives an object another version, so that a write of a killed deploy is refused. Its value is the number of
	// times that the right to deploy was taken.
	AnnotationFence = "psc.dev/fence"
	// AnnotationTried makes the controller of a ReplicaSet look at it again.
	AnnotationTried = "psc.dev/tried"
	// AnnotationRestarted is the number of the revision that restarted an app. It is part of the template of its instances, so
	// that another number starts new ones.
	AnnotationRestarted = "psc.dev/restarted"
	// AnnotationMadeBy is the run of psc that created a namespace.
	AnnotationMadeBy = "psc.dev/made-by"
	// AnnotationUsed is when content that exists already was last requested.
	AnnotationUsed = "psc.dev/used"
)

// Annotations of a record. They may change, the data may not. What the seal covers is not changed either.
const (
	AnnotationState      = "psc.dev/state"
	AnnotationAuthor     = "psc.dev/author"
	AnnotationWrittenBy  = "psc.dev/written-by"
	AnnotationCreated    = "psc.dev/created"
	AnnotationMessage    = "psc.dev/message"
	AnnotationChange     = "psc.dev/change"
	AnnotationParent     = "psc.dev/parent"
	AnnotationRestores   = "psc.dev/restores"
	AnnotationReplaces   = "psc.dev/replaces"
	AnnotationDeployedBy = "psc.dev/deployed-by"
	AnnotationStarted    = "psc.dev/started"
	AnnotationFinished   = "psc.dev/finished"
	AnnotationReason     = "psc.dev/reason"
	AnnotationTakesBack  = "psc.dev/takes-back"
	AnnotationRestarts   = "psc.dev/restarts"
	AnnotationKeep       = "psc.dev/keep"
	AnnotationContent    = "psc.dev/content"
	AnnotationSeal       = "psc.dev/seal"
	AnnotationBefore     = "psc.dev/before"
	AnnotationSkips      = "psc.dev/skips"
	AnnotationAccepted   = "psc.dev/accepted"
)

// Annotations of the pod's Lease: the numbers of the live revision, of the one that is being deployed, of the one that is to
// supersede it, and of one whose deploy was killed; the newest number that was used, and how many revisions the history keeps.
const (
	AnnotationLive   = "psc.dev/live"
	AnnotationTarget = "psc.dev/target"
	AnnotationNext   = "psc.dev/next"
	AnnotationKilled = "psc.dev/killed"
	AnnotationNewest = "psc.dev/newest"
	AnnotationLimit  = "psc.dev/limit"
)

// SignIn is the name of the extension of a kubeconfig user with what psc notes about a sign-in.
const SignIn = "psc.dev/sign-in"

// Names of objects.
const (
	// DeployLease is the Lease that lets one deploy of a pod run at a time.
	DeployLease = "psc-deploy"
	// RegistryLogins is the Secret with the pod's logins to registries.
	RegistryLogins = "psc-registry"
	// Settings is the ResourceQuota and the LimitRange with the settings of the pod.
	Settings = "psc"
	// PlatformNamespace and PlatformConfig name the ConfigMap with which the owner of a cluster configures routes.
	PlatformNamespace = "psc-system"
	PlatformConfig    = "psc-platform"
	// Isolation is the NetworkPolicy that keeps other pods from reaching the instances of a pod.
	Isolation = "psc-isolation"
	// SignInConfig is the ConfigMap in the namespace kube-public that tells everybody how to sign in.
	SignInConfig = "psc-login"
	// AuditName is the name of the AuditPolicy and of its binding.
	AuditName = "psc-revisions"
)

// Resource names the resource that an object with some labels was rendered from: "app web". It returns "" for other objects.
func Resource(labels map[string]string) string {
	for _, of := range []struct{ label, word string }{{LabelApp, "app"}, {LabelRoute, "route"}, {LabelDisk, "disk"}, {LabelJob, "job"}} {
		if name := labels[of.label]; name != "" {
			return of.word + " " + name
		}
	}
	return ""
}

// Selector selects every object that was rendered for a pod, and those that controllers made of them.
func Selector(pod string) string { return LabelPod + "=" + pod }
