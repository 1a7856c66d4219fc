package report

// Extent is what a pod has, before it is deleted.
type Extent struct {
	Apps, Routes, Jobs []string
	// Disks are the disks with their sizes: "data (1Gi)".
	Disks     []string
	Revisions int
	// Others are the objects that psc did not create: "StatefulSet db", "Helm release db".
	Others []string
	// Unread are the kinds that could not be listed.
	Unread []string
}
