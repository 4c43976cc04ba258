package awselb

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"lull/internal/control/awselb/query"
)

// modifyForm asks for attributes of the load balancer web, "Group.Member=value" each.
func modifyForm(settings ...string) string {
	body := "Action=ModifyLoadBalancerAttributes&LoadBalancerName=web"
	for _, s := range settings {
		body += "&LoadBalancerAttributes." + s
	}
	return body
}

// desyncForm is the setting of the desync mitigation mode.
func desyncForm(mode string) []string {
	return []string{"AdditionalAttributes.member.1.Key=" + query.DesyncMitigationMode, "AdditionalAttributes.member.1.Value=" + mode}
}

// attributesNow asks for all attributes of the load balancer web.
func (r *rig) attributesNow() query.Attributes {
	r.t.Helper()
	result, ok := r.formOK("Action=DescribeLoadBalancerAttributes&LoadBalancerName=web").(query.DescribeLoadBalancerAttributesResult)
	if !ok {
		r.t.Fatal("not the result's type")
	}
	return result.LoadBalancerAttributes
}

// defaults are the attributes of a new load balancer.
func defaults() query.Attributes {
	return query.Attributes{
		CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{},
		AccessLog:              &query.AccessLog{},
		ConnectionDraining:     &query.ConnectionDraining{Timeout: new(int32(300))},
		ConnectionSettings:     &query.ConnectionSettings{IdleTimeout: 60},
		AdditionalAttributes:   []query.AdditionalAttribute{{Key: new(query.DesyncMitigationMode), Value: new("defensive")}},
	}
}

// TestModifyAttributes makes requests in a row. Each answer has the groups that were sent and no others, with all that is in force in them.
func TestModifyAttributes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	if got := r.attributesNow(); !reflect.DeepEqual(got, defaults()) {
		t.Errorf("got %+v, want the defaults", got)
	}
	logs := func(enabled bool, interval int32, prefix *string) query.Attributes {
		return query.Attributes{AccessLog: &query.AccessLog{Enabled: enabled, S3BucketName: new("my-logs"), EmitInterval: &interval, S3BucketPrefix: prefix}}
	}
	draining := func(enabled bool, timeout int32) query.Attributes {
		return query.Attributes{ConnectionDraining: &query.ConnectionDraining{Enabled: enabled, Timeout: &timeout}}
	}
	idle := func(seconds int32) query.Attributes {
		return query.Attributes{ConnectionSettings: &query.ConnectionSettings{IdleTimeout: seconds}}
	}
	desync := func(mode string) query.Attributes {
		return query.Attributes{AdditionalAttributes: []query.AdditionalAttribute{{Key: new(query.DesyncMitigationMode), Value: &mode}}}
	}
	for _, c := range []struct {
		settings []string
		want     query.Attributes
	}{
		{[]string{"ConnectionSettings.IdleTimeout=30"}, idle(30)},
		{[]string{"ConnectionSettings.IdleTimeout=1"}, idle(1)},
		{[]string{"ConnectionSettings.IdleTimeout=3601"}, idle(3601)},
		{[]string{"ConnectionSettings.IdleTimeout=4000"}, idle(4000)},
		{[]string{"ConnectionDraining.Enabled=false"}, draining(false, 300)},
		{[]string{"ConnectionDraining.Enabled=true", "ConnectionDraining.Timeout=1"}, draining(true, 1)},
		{[]string{"ConnectionDraining.Enabled=true", "ConnectionDraining.Timeout=3600"}, draining(true, 3600)},
		{[]string{"ConnectionDraining.Enabled=false"}, draining(false, 3600)},
		{[]string{"CrossZoneLoadBalancing.Enabled=true"}, query.Attributes{CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{Enabled: true}}},
		{[]string{"CrossZoneLoadBalancing.Enabled=false"}, query.Attributes{CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{}}},
		{[]string{"AccessLog.Enabled=false"}, query.Attributes{AccessLog: &query.AccessLog{}}},
		{[]string{"AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs"}, logs(true, 60, nil)},
		{[]string{"AccessLog.Enabled=true", "AccessLog.EmitInterval=5", "AccessLog.S3BucketPrefix=my-app"}, logs(true, 5, new("my-app"))},
		{[]string{"AccessLog.Enabled=false"}, logs(false, 5, new("my-app"))},
		{[]string{"AccessLog.Enabled=true"}, logs(true, 5, new("my-app"))},
		{[]string{"AccessLog.Enabled=true", "AccessLog.S3BucketPrefix="}, logs(true, 5, nil)},
		{[]string{"AccessLog.Enabled=false", "AccessLog.EmitInterval=60"}, logs(false, 60, nil)},
		{desyncForm("strictest"), desync("strictest")},
		{desyncForm("monitor"), desync("monitor")},
		{append(desyncForm("defensive"), strings.ReplaceAll(strings.Join(desyncForm("defensive"), "&LoadBalancerAttributes."), ".1.", ".2.")), desync("defensive")},
		{
			[]string{"ConnectionSettings.IdleTimeout=10", "CrossZoneLoadBalancing.Enabled=true"},
			query.Attributes{ConnectionSettings: &query.ConnectionSettings{IdleTimeout: 10}, CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{Enabled: true}},
		},
	} {
		for range 2 { // the same again is a success
			got := r.formOK(modifyForm(c.settings...))
			if want := (query.ModifyLoadBalancerAttributesResult{LoadBalancerName: "web", LoadBalancerAttributes: c.want}); !reflect.DeepEqual(got, want) {
				t.Errorf("%v: got %+v, want %+v", c.settings, got, want)
			}
		}
	}
	want := defaults()
	want.ConnectionSettings.IdleTimeout, want.CrossZoneLoadBalancing.Enabled = 10, true
	want.ConnectionDraining.Timeout = new(int32(3600))
	want.AccessLog = logs(false, 60, nil).AccessLog
	r.reopen()
	if got := r.attributesNow(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v after all that", got, want)
	}
	r.checkStored()
}

func TestModifyAttributesRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	for _, c := range []struct {
		settings []string
		code     query.Code
		text     string
	}{
		{[]string{"ConnectionSettings.IdleTimeout=0"}, query.ValidationError, "1 to 4000"},
		{[]string{"ConnectionSettings.IdleTimeout=4001"}, query.ValidationError, "1 to 4000"},
		{[]string{"ConnectionSettings.IdleTimeout=7200"}, query.ValidationError, "4000"},
		{[]string{"ConnectionSettings.IdleTimeout=-1"}, query.ValidationError, "1 to 4000"},
		{[]string{"ConnectionDraining.Enabled=true", "ConnectionDraining.Timeout=0"}, query.ValidationError, "1 to 3600"},
		{[]string{"ConnectionDraining.Enabled=true", "ConnectionDraining.Timeout=3601"}, query.ValidationError, "1 to 3600"},
		{[]string{"ConnectionDraining.Timeout=300"}, query.MissingParameter, "ConnectionDraining.Enabled"},
		{[]string{"AccessLog.Enabled=true"}, query.ValidationError, "S3BucketName"},
		{[]string{"AccessLog.Enabled=true", "AccessLog.S3BucketName="}, query.ValidationError, "S3BucketName"},
		{[]string{"AccessLog.Enabled=true", "AccessLog.S3BucketName=b", "AccessLog.EmitInterval=10"}, query.ValidationError, "5 or 60"},
		{[]string{"AccessLog.Enabled=true", "AccessLog.S3BucketName=b", "AccessLog.S3BucketPrefix=a/AWSLogs"}, query.ValidationError, "AWSLogs"},
		{[]string{"AccessLog.S3BucketName=b"}, query.MissingParameter, "AccessLog.Enabled"},
		{desyncForm("foo"), query.ValidationError, "monitor, defensive or strictest"},
		{desyncForm("Strictest"), query.ValidationError, "monitor, defensive or strictest"},
		{[]string{"AdditionalAttributes.member.1.Key=foo", "AdditionalAttributes.member.1.Value=bar"}, query.LoadBalancerAttributeNotFound, "'foo'"},
		{[]string{"AdditionalAttributes.member.1.Key=" + query.DesyncMitigationMode}, query.MissingParameter, "Value"},
		{append(desyncForm("monitor"), strings.ReplaceAll(strings.Join(desyncForm("strictest"), "&LoadBalancerAttributes."), ".1.", ".2.")), query.ValidationError, "give it once"},
		// One bad group, and the good ones beside it change nothing either.
		{[]string{"ConnectionSettings.IdleTimeout=30", "CrossZoneLoadBalancing.Enabled=true", "AccessLog.Enabled=true"}, query.ValidationError, "S3BucketName"},
		{append(desyncForm("foo"), "ConnectionSettings.IdleTimeout=30"), query.ValidationError, "foo"},
	} {
		r.formRefused(modifyForm(c.settings...), c.code, c.text)
	}
	r.formRefused("Action=ModifyLoadBalancerAttributes&LoadBalancerName=web", query.MissingParameter, "LoadBalancerAttributes")
	r.formRefused("Action=ModifyLoadBalancerAttributes&LoadBalancerName=none&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=30", query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'none'")
	r.formRefused("Action=DescribeLoadBalancerAttributes&LoadBalancerName=none", query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'none'")
	if got := r.attributesNow(); !reflect.DeepEqual(got, defaults()) {
		t.Errorf("got %+v, want the defaults still", got)
	}
}

// TestAccessLogTried: a destination is tried whenever access logs are asked for, and never otherwise.
func TestAccessLogTried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	r.formOK(modifyForm("AccessLog.Enabled=false", "AccessLog.S3BucketName=my-logs", "AccessLog.S3BucketPrefix=a/b"))
	r.formOK(modifyForm("ConnectionSettings.IdleTimeout=30"))
	if len(r.logs.checked) > 0 || len(r.logs.targetsNow()) > 0 {
		t.Errorf("got %+v tried and %+v in force, want neither while logs are off", r.logs.checked, r.logs.targetsNow())
	}
	want := LogTarget{Name: "web", Bucket: "my-logs", Prefix: "a/b", IntervalMinutes: 60}
	for _, text := range []string{"no such directory", "Access Denied for bucket: my-logs. Please check S3bucket permission"} {
		r.logs.refuse(errors.New(text))
		r.formRefused(modifyForm("AccessLog.Enabled=true", "ConnectionSettings.IdleTimeout=40"), query.InvalidConfigurationRequest,
			"Access Denied for bucket: my-logs. Please check S3bucket permission")
		if got := r.logs.checked[len(r.logs.checked)-1]; got != want {
			t.Errorf("got %+v tried, want %+v", got, want)
		}
	}
	r.logs.refuse(nil)
	r.formOK(modifyForm("AccessLog.Enabled=true"))
	if got := r.logs.targetsNow(); !reflect.DeepEqual(got, map[string]LogTarget{"web": want}) {
		t.Errorf("got %+v in force, want %+v", got, want)
	}
	r.logs.refuse(errors.New("the bucket is away"))
	r.formOK(modifyForm("ConnectionSettings.IdleTimeout=50")) // is none of its business
	r.formOK(modifyForm("AccessLog.Enabled=false"))
	if got := r.logs.targetsNow(); len(got) > 0 {
		t.Errorf("got %+v in force, want none", got)
	}
}

// TestAccessLogReason: the documented text comes first, then why; and not twice.
func TestAccessLogReason(t *testing.T) {
	t.Parallel()
	const documented = "Access Denied for bucket: my-logs. Please check S3bucket permission"
	for text, want := range map[string]string{
		"no such directory":              documented + ": no such directory",
		documented:                       documented,
		documented + " (no credentials)": documented + " (no credentials)",
	} {
		r := newRig(t)
		r.have("web", nil)
		r.logs.refuse(errors.New(text))
		_, err := r.doForm(modifyForm("AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs"))
		var refusal *query.Error
		if !errors.As(err, &refusal) || refusal.Message != want {
			t.Errorf("got %v, want the message %q", err, want)
		}
	}
}

func TestNoAccessLogs(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AccessLogs = nil })
	r.have("web", nil)
	r.formRefused(modifyForm("AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs"), query.InvalidConfigurationRequest,
		"Access Denied for bucket: my-logs. Please check S3bucket permission: this lull delivers no access logs")
	r.formOK(modifyForm("AccessLog.Enabled=false", "AccessLog.S3BucketName=my-logs"))
}

// slowLogs lets a test do something while a destination is tried.
type slowLogs struct {
	*fakeLogs
	once    sync.Once
	between func()
}

// Check calls between, the first time.
func (s *slowLogs) Check(ctx context.Context, t LogTarget) error {
	s.once.Do(s.between)
	return s.fakeLogs.Check(ctx, t)
}

// TestAccessLogSlow: others change things while a destination is tried. A change of another group holds as well; another destination
// refuses, because it was not tried.
func TestAccessLogSlow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		meanwhile string
		want      query.Code
	}{
		{modifyForm("ConnectionSettings.IdleTimeout=30"), ""},
		{modifyForm("AccessLog.Enabled=false", "AccessLog.S3BucketName=other-logs"), ""},
		{modifyForm("AccessLog.Enabled=false", "AccessLog.S3BucketPrefix=other"), query.InvalidConfigurationRequest},
		{"Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target=TCP:81&HealthCheck.Interval=30&HealthCheck.Timeout=5&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=2", ""},
	} {
		logs := &slowLogs{fakeLogs: &fakeLogs{}}
		r := newRig(t, func(o *Options) { o.AccessLogs = logs })
		r.have("web", nil)
		logs.between = func() {
			if _, err := r.doForm(c.meanwhile); err != nil {
				t.Error(err)
			}
		}
		_, err := r.doForm(modifyForm("AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs"))
		var refusal *query.Error
		switch {
		case c.want != "":
			if !errors.As(err, &refusal) || refusal.Code != c.want || r.document("web").Attributes.AccessLog {
				t.Errorf("%s: got %v, want %s", c.meanwhile, err, c.want)
			}
		case err != nil:
			t.Errorf("%s: %v", c.meanwhile, err)
		default:
			if a := r.document("web").Attributes; !a.AccessLog || a.S3BucketName != "my-logs" {
				t.Errorf("%s: got %+v, want logs to my-logs", c.meanwhile, a)
			}
		}
		r.checkStored()
	}
	// The load balancer itself may go.
	logs := &slowLogs{fakeLogs: &fakeLogs{}}
	r := newRig(t, func(o *Options) { o.AccessLogs = logs })
	r.have("web", nil)
	logs.between = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := r.remove(context.Background(), r.state.Load().balancers["web"]); err != nil {
			t.Error(err)
		}
	}
	var refusal *query.Error
	if _, err := r.doForm(modifyForm("AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs")); !errors.As(err, &refusal) || refusal.Code != query.LoadBalancerNotFound {
		t.Errorf("got %v, want %s", err, query.LoadBalancerNotFound)
	}
}

// TestModifyAttributesAtOnce: requests that change different groups at the same time all hold.
func TestModifyAttributesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	var wait sync.WaitGroup
	for _, body := range []string{
		modifyForm("ConnectionSettings.IdleTimeout=30"), modifyForm("CrossZoneLoadBalancing.Enabled=true"), modifyForm("ConnectionDraining.Enabled=true"),
		modifyForm("AccessLog.Enabled=true", "AccessLog.S3BucketName=my-logs"), modifyForm(desyncForm("monitor")...),
	} {
		wait.Go(func() {
			if _, err := r.doForm(body); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	want := attributes{IdleTimeout: 30, Draining: true, DrainingTimeout: 300, CrossZone: true, DesyncMode: "monitor", AccessLog: true, S3BucketName: "my-logs", EmitInterval: 60}
	if got := r.document("web").Attributes; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.checkStored()
}
