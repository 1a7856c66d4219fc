package userfile

import (
	"io/fs"
	"os"
)

// sameAccess does nothing: a new file has the access rights of its folder.
func sameAccess(*os.File, fs.FileInfo) error { return nil }
