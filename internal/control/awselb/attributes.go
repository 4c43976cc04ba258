package awselb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lull/internal/control/awselb/query"
)

// emitIntervalDefault is how often access logs are delivered unless told otherwise, in minutes.
const emitIntervalDefault = 60

// modifyAttributes changes the groups that the request has, all of them or none. Where access logs are to go is tried before anything is
// put in force and while others may change things, since a bucket can take its time; hence the second look.
func (s *Service) modifyAttributes(ctx context.Context, r *query.ModifyLoadBalancerAttributesRequest) (any, error) {
	b, err := s.find(r.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	tried := b.clone()
	if err = tried.Attributes.apply(&r.LoadBalancerAttributes); err != nil {
		return nil, err
	}
	if err = s.tryLogs(ctx, &r.LoadBalancerAttributes, tried); err != nil {
		return nil, err
	}
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if refusal := d.Attributes.apply(&r.LoadBalancerAttributes); refusal != nil {
			return refusal
		}
		if enablesLogs(&r.LoadBalancerAttributes) && d.logTarget() != tried.logTarget() {
			return conflict("another request has changed where the access logs of %s go: send this one again", d.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return query.ModifyLoadBalancerAttributesResult{
		LoadBalancerName: d.Name, LoadBalancerAttributes: groupsOf(d.Attributes.describe(), &r.LoadBalancerAttributes),
	}, nil
}

func (s *Service) describeAttributes(r *query.DescribeLoadBalancerAttributesRequest) (any, error) {
	b, err := s.find(r.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	return query.DescribeLoadBalancerAttributesResult{LoadBalancerAttributes: b.Attributes.describe()}, nil
}

// apply changes what is asked for. What the values are by themselves has been looked at by Decode.
func (a *attributes) apply(asked *query.Attributes) error {
	if c := asked.ConnectionSettings; c != nil {
		a.IdleTimeout = c.IdleTimeout
	}
	if c := asked.ConnectionDraining; c != nil {
		a.Draining = c.Enabled
		if c.Timeout != nil {
			a.DrainingTimeout = *c.Timeout
		}
	}
	if c := asked.CrossZoneLoadBalancing; c != nil {
		a.CrossZone = c.Enabled
	}
	if err := a.applyDesync(asked.AdditionalAttributes); err != nil {
		return err
	}
	if asked.AccessLog != nil {
		return a.applyLog(asked.AccessLog)
	}
	return nil
}

// applyDesync changes the desync mitigation mode, which is the only additional attribute.
func (a *attributes) applyDesync(list []query.AdditionalAttribute) error {
	for i, attribute := range list {
		if i > 0 && *attribute.Value != *list[0].Value {
			return invalid("LoadBalancerAttributes.AdditionalAttributes", "LoadBalancerAttributes.AdditionalAttributes has %s with the values '%s' and '%s': give it once",
				query.DesyncMitigationMode, *list[0].Value, *attribute.Value)
		}
		a.DesyncMode = *attribute.Value
	}
	return nil
}

// applyLog changes where access logs go and whether they do. What is not said stays as it was, while they are off too.
func (a *attributes) applyLog(asked *query.AccessLog) error {
	a.AccessLog = asked.Enabled
	if asked.S3BucketName != nil {
		a.S3BucketName = *asked.S3BucketName
	}
	if asked.S3BucketPrefix != nil {
		a.S3BucketPrefix = *asked.S3BucketPrefix
	}
	if asked.EmitInterval != nil {
		a.EmitInterval = *asked.EmitInterval
	}
	if !a.AccessLog {
		return nil
	}
	if a.S3BucketName == "" {
		const field = "LoadBalancerAttributes.AccessLog.S3BucketName"
		return invalid(field, "%s is empty: access logs need a bucket to be enabled", field)
	}
	if a.EmitInterval == 0 {
		a.EmitInterval = emitIntervalDefault
	}
	return nil
}

// enablesLogs says whether access logs are asked for.
func enablesLogs(asked *query.Attributes) bool {
	return asked.AccessLog != nil && asked.AccessLog.Enabled
}

// tryLogs tries where access logs are to go, if they are asked for.
func (s *Service) tryLogs(ctx context.Context, asked *query.Attributes, d *document) error {
	if !enablesLogs(asked) {
		return nil
	}
	err := errNoAccessLogs
	if s.o.AccessLogs != nil {
		err = s.o.AccessLogs.Check(ctx, d.logTarget())
	}
	if err == nil {
		return nil
	}
	// The first part is the text that AWS documents and programs look for.
	message := fmt.Sprintf("Access Denied for bucket: %s. Please check S3bucket permission", d.Attributes.S3BucketName)
	if text := err.Error(); strings.HasPrefix(text, message) {
		message = text
	} else {
		message += ": " + text
	}
	return &query.Error{Code: query.InvalidConfigurationRequest, Field: "LoadBalancerAttributes.AccessLog.S3BucketName", Message: message, Err: err}
}

// errNoAccessLogs is why access logs cannot be enabled at all.
var errNoAccessLogs = errors.New("this lull delivers no access logs; its settings do not say where buckets are")

// describe returns all attributes. Access logs that were never configured have nothing to tell but that they are off.
func (a *attributes) describe() query.Attributes {
	logs := &query.AccessLog{Enabled: a.AccessLog}
	if a.S3BucketName != "" {
		logs.S3BucketName = &a.S3BucketName
	}
	if a.S3BucketPrefix != "" {
		logs.S3BucketPrefix = &a.S3BucketPrefix
	}
	if a.EmitInterval != 0 {
		logs.EmitInterval = &a.EmitInterval
	}
	return query.Attributes{
		CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{Enabled: a.CrossZone},
		AccessLog:              logs,
		ConnectionDraining:     &query.ConnectionDraining{Enabled: a.Draining, Timeout: &a.DrainingTimeout},
		ConnectionSettings:     &query.ConnectionSettings{IdleTimeout: a.IdleTimeout},
		AdditionalAttributes:   []query.AdditionalAttribute{{Key: new(query.DesyncMitigationMode), Value: &a.DesyncMode}},
	}
}

// groupsOf returns the groups that were asked for, with what is in force in them, and no others.
func groupsOf(all query.Attributes, asked *query.Attributes) query.Attributes {
	if asked.CrossZoneLoadBalancing == nil {
		all.CrossZoneLoadBalancing = nil
	}
	if asked.AccessLog == nil {
		all.AccessLog = nil
	}
	if asked.ConnectionDraining == nil {
		all.ConnectionDraining = nil
	}
	if asked.ConnectionSettings == nil {
		all.ConnectionSettings = nil
	}
	if len(asked.AdditionalAttributes) == 0 {
		all.AdditionalAttributes = nil
	}
	return all
}
