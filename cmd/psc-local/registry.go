package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// serveRegistry serves the cluster's registry on open ports, in the process that supervises the components: images
// outlive every component. Layers are files, manifests are in memory.
func serveRegistry(ports ...*os.File) error {
	const blobs = "registry"
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return err
	}
	handler := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.New(io.Discard, "", 0)))
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	for _, port := range ports {
		listener, err := net.FileListener(port)
		if err != nil {
			return err
		}
		go func() { _ = server.Serve(listener) }()
	}
	return nil
}
