package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) createListeners(ctx context.Context, r *query.CreateLoadBalancerListenersRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) deleteListeners(ctx context.Context, r *query.DeleteLoadBalancerListenersRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) setListenerCertificate(ctx context.Context, r *query.SetLoadBalancerListenerSSLCertificateRequest) (any, error) {
	return nil, errors.New("not written yet")
}
