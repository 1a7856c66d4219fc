package kube

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// maxLog is the number of bytes of a log that are read for its last lines.
const maxLog = 64 << 10

// noLog begins the text that the kubelet answers with status 200, in place of the log of a container that it has removed.
const noLog = "unable to retrieve container logs for "

// NoLog reports whether a line says that the node has removed the container and its log.
func NoLog(line string) bool { return strings.HasPrefix(line, noLog) }

// LastLines reads the last lines of a container's log, or with previous that of its previous run. There are none when the node
// has removed the container.
func (c *Client) LastLines(ctx context.Context, namespace, instance, container string, previous bool, lines int) ([]string, error) {
	log, err := c.log(ctx, namespace, instance, corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: new(int64(lines)), LimitBytes: new(int64(maxLog)),
	})
	if err != nil {
		return nil, c.wrap(err, "read the log of instance %s", instance)
	}
	defer func() { _ = log.Close() }()
	data, err := io.ReadAll(log)
	if err != nil {
		return nil, c.wrap(err, "read the log of instance %s", instance)
	}
	text := strings.TrimRight(string(data), "\n")
	if text == "" || NoLog(text) {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// Log opens the log of a container. An error while it is read means that the connection broke.
func (c *Client) Log(ctx context.Context, namespace, instance string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	log, err := retry(ctx, c, func() (io.ReadCloser, error) { return c.log(ctx, namespace, instance, o) })
	return log, c.wrap(err, "read the log of instance %s", instance)
}

func (c *Client) log(ctx context.Context, namespace, instance string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	plain, err := c.logs()
	if err != nil {
		return nil, err
	}
	client, err := c.restWith(plain, corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	request := client.Get().Namespace(namespace).Resource("pods").Name(instance).SubResource("log").
		Param("container", o.Container)
	for name, set := range map[string]bool{"previous": o.Previous, "follow": o.Follow, "timestamps": o.Timestamps} {
		if set {
			request.Param(name, "true")
		}
	}
	for name, n := range map[string]*int64{"tailLines": o.TailLines, "sinceSeconds": o.SinceSeconds, "limitBytes": o.LimitBytes} {
		if n != nil {
			request.Param(name, strconv.FormatInt(*n, 10))
		}
	}
	if o.SinceTime != nil {
		request.Param("sinceTime", o.SinceTime.UTC().Format(time.RFC3339))
	}
	return request.Stream(ctx)
}
