package kube

import (
	"context"
	"encoding/json"
	"fmt"

	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/pscdev/psc/pkg/object"
)

// Metrics returns what the instances of a namespace use, those with a label selector. It asks once: metrics come from another
// server than objects, and may be missing for long. The error for a cluster without that server is an *AbsentError.
func (c *Client) Metrics(ctx context.Context, namespace, selector string) ([]metricsv1beta1.PodMetrics, error) {
	data, err := c.raw(ctx, metricsv1beta1.SchemeGroupVersion.WithResource("pods"), namespace, "", selector, false)
	if err != nil {
		return nil, c.wrapList(err, "read the metrics of", object.InstanceMetrics)
	}
	var list metricsv1beta1.PodMetricsList
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return list.Items, nil
}
