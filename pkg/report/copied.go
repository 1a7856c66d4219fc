package report

// Copied is a copy of files between this machine and an instance.
type Copied struct {
	Instance string `json:"instance"`
	// Source and Target are the paths of the source and of the copy itself.
	Source string `json:"source"`
	Target string `json:"target"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	// Checksum is how all files were compared at the end: sha256, or length if the image has no sha256sum. It is empty if not all were.
	Checksum string `json:"checksum,omitempty"`
	// LeftOut are files that were not copied.
	LeftOut []LeftOut `json:"leftOut,omitempty"`
}

// LeftOut is a file that was not copied, and why.
type LeftOut struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Ref implements Item.
func (c Copied) Ref() string { return c.Target }
