package kube

import (
	"context"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// maxLog is the number of bytes of a log that are read for its last lines.
const maxLog = 64 << 10

// LastLines reads the last lines of a container's log, or with previous that of its previous run. There are none when the node
// has removed the container.
func (c *Client) LastLines(ctx context.Context, namespace, instance, container string, previous bool, lines int) ([]string, error) {
	client, err := c.rest(corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	data, err := client.Get().Namespace(namespace).Resource("pods").Name(instance).SubResource("log").
		Param("container", container).Param("previous", strconv.FormatBool(previous)).
		Param("tailLines", strconv.Itoa(lines)).Param("limitBytes", strconv.Itoa(maxLog)).
		Do(ctx).Raw()
	if err != nil {
		return nil, c.wrap(err, "read the log of instance %s", instance)
	}
	text := strings.TrimRight(string(data), "\n")
	// The kubelet answers this with status 200, in place of the log.
	if text == "" || strings.HasPrefix(text, "unable to retrieve container logs for ") {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}
