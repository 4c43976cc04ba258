package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"lull/internal/clock"
	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

// ociName is the load balancer that is made through the OCI API.
const ociName = "my-oci-loadbalancer"

// ociPatience is how long a work request may take: it is a matter of milliseconds.
const ociPatience = 5 * time.Second

// addOCI makes a load balancer through the OCI API, as its users do, so that there is one to change with the oci command. Without it
// there is less to try, which is no reason to stop.
func (s *stage) addOCI(i *instance) {
	for _, port := range []int{8080, 8088, 18080} { // others may run a demonstration, too
		id, err := i.cloud.createOCI(s.ociDetails(i, port))
		if err != nil {
			i.logger.Info("no load balancer made through the OCI API", "error", err)
			continue
		}
		for _, lb := range i.applier.Plan().LoadBalancers {
			if lb.Name == ociName {
				s.ociURL, s.ociID, s.ociPort = "http://"+lb.Listeners[0].Address.String()+"/", id, port
			}
		}
		return
	}
}

// ociDetails returns what the API is asked to make.
func (s *stage) ociDetails(i *instance, port int) map[string]any {
	backend := func(port uint16) map[string]any { return map[string]any{"ipAddress": "127.0.0.1", "port": port} }
	return map[string]any{
		"compartmentId": i.cloud.tenancy(), "displayName": ociName, "shapeName": "flexible", "subnetIds": []string{"ocid1.subnet.oc1..demo"},
		"shapeDetails": map[string]any{"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100},
		"backendSets": map[string]any{"backends": map[string]any{
			"policy": "ROUND_ROBIN", "backends": []any{backend(s.layout.First.HTTP), backend(s.layout.Second.HTTP)},
			"healthChecker": map[string]any{"protocol": "HTTP", "urlPath": "/healthz", "intervalInMillis": 5000, "timeoutInMillis": 2000},
		}},
		"listeners": map[string]any{"web": map[string]any{
			"defaultBackendSetName": "backends", "port": port, "protocol": "HTTP", "connectionConfiguration": map[string]any{"idleTimeout": 5},
		}},
	}
}

// ociCommand returns the command that changes that listener's idle timeout.
func (s *stage) ociCommand() string {
	return fmt.Sprintf("OCI_CLI_CONFIG_FILE=%s oci --endpoint http://127.0.0.1:%d%s lb listener update --load-balancer-id %s --listener-name web "+
		"--default-backend-set-name backends --port %d --protocol HTTP --connection-configuration-idle-timeout 30 --force",
		filepath.Join(s.layout.Data, "oci", "config"), s.layout.API, wire.BasePath, s.ociID, s.ociPort)
}

// createOCI has a load balancer made as a client of the API does, and returns its OCID when it is there.
func (s *cloud) createOCI(details map[string]any) (id string, err error) {
	body, err := json.Marshal(details)
	if err != nil {
		return "", err
	}
	accepted, err := s.askOCI(http.MethodPost, "/loadBalancers", body)
	if err != nil {
		return "", err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := clock.Now() + int64(ociPatience)
	for clock.Now() < end {
		answer, err := s.askOCI(http.MethodGet, "/loadBalancerWorkRequests/"+accepted.WorkRequestID, nil)
		if err != nil {
			return "", err
		}
		w, _ := answer.Result.(wire.WorkRequest)
		switch w.LifecycleState {
		case wire.WorkSucceeded:
			return w.LoadBalancerID, nil
		case wire.WorkFailed:
			_, err = s.askOCI(http.MethodDelete, "/loadBalancers/"+w.LoadBalancerID, nil)
			return "", errors.Join(fmt.Errorf("make a load balancer: %v", w.ErrorDetails), err)
		case wire.WorkAccepted, wire.WorkInProgress:
			<-tick.C
		}
	}
	return "", fmt.Errorf("work request %s: not done after %v", accepted.WorkRequestID, ociPatience)
}

// askOCI sends a request to the API within this process.
func (s *cloud) askOCI(method, target string, body []byte) (ociapi.Answer, error) {
	return s.oci.Load().Ask(context.Background(), &ociapi.Question{Method: method, Target: target, Body: body, Caller: "demo", Tenancy: s.tenancy()})
}
