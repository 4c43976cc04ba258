package awselb

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// oneListener returns a form's part that names one listener: "https 443 http 80 ARN", with "-" for what is left out.
func oneListener(index, text string) string {
	names := []string{"Protocol", "LoadBalancerPort", "InstanceProtocol", "InstancePort", "SSLCertificateId"}
	form := ""
	for i, value := range strings.Fields(text) {
		if value != "-" {
			form += "&Listeners.member." + index + "." + names[i] + "=" + value
		}
	}
	return form
}

// addition returns the form that adds listeners to "web".
func addition(texts ...string) string {
	form := "Action=CreateLoadBalancerListeners&LoadBalancerName=web"
	for i, text := range texts {
		form += oneListener(string(rune('1'+i)), text)
	}
	return form
}

func TestCreateListeners(t *testing.T) {
	t.Parallel()
	const predefined = "ELBSecurityPolicy-2016-08"
	http80 := listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80}
	for name, c := range map[string]struct {
		texts []string
		want  []listener // besides http80
	}{
		"repeat":        {[]string{"http 80 http 80"}, nil},
		"repeat-plain":  {[]string{"HTTP 80 - 80"}, nil},
		"dropped-cert":  {[]string{"HTTP 80 - 80 " + rigARN}, nil},
		"tcp":           {[]string{"tcp 90 - 90"}, []listener{{Protocol: "TCP", Port: 90, InstanceProtocol: "TCP", InstancePort: 90}}},
		"tcp-ssl":       {[]string{"TCP 90 ssl 90"}, []listener{{Protocol: "TCP", Port: 90, InstanceProtocol: "SSL", InstancePort: 90}}},
		"same-instance": {[]string{"TCP 90 TCP 80"}, []listener{{Protocol: "TCP", Port: 90, InstanceProtocol: "TCP", InstancePort: 80}}},
		"https": {[]string{"https 443 - 80 " + rigARN},
			[]listener{{Protocol: "HTTPS", Port: 443, InstanceProtocol: "HTTP", InstancePort: 80, CertificateID: rigARN, Policies: []string{predefined}}}},
		"ssl-ssl": {[]string{"ssl 443 SSL 443 " + rigARN2},
			[]listener{{Protocol: "SSL", Port: 443, InstanceProtocol: "SSL", InstancePort: 443, CertificateID: rigARN2, Policies: []string{predefined}}}},
		"in-order": {[]string{"tcp 91 - 91", "http 80 - 80", "tcp 90 - 90", "tcp 91 - 91", "tcp 65535 - 65535"}, []listener{
			{Protocol: "TCP", Port: 90, InstanceProtocol: "TCP", InstancePort: 90},
			{Protocol: "TCP", Port: 91, InstanceProtocol: "TCP", InstancePort: 91},
			{Protocol: "TCP", Port: 65535, InstanceProtocol: "TCP", InstancePort: 65535},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			made[query.CreateLoadBalancerResult](r, create("web"))
			for range 2 { // the second time nothing happens
				made[query.Empty](r, addition(c.texts...))
				if got := r.document("web").Listeners; !reflect.DeepEqual(got, append([]listener{http80}, c.want...)) {
					t.Errorf("got %+v, want %+v and %+v", got, http80, c.want)
				}
			}
			r.checkStored()
		})
	}
}

func TestCreateListenersWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.Empty](r, addition("https 443 https 8443 "+rigARN, "tcp 90 - 90"))
	duplicate := func(port string) string {
		return "A listener already exists for web with LoadBalancerPort " + port + ", but with a different InstancePort, Protocol, or SSLCertificateId"
	}
	r.checkWrong([]wrongForm{
		{"none", addition(), query.ValidationError, "Listeners cannot be empty"},
		{"other-instance-port", addition("http 80 http 81"), query.DuplicateListener, duplicate("80")},
		{"other-protocol", addition("tcp 80 tcp 80"), query.DuplicateListener, duplicate("80")},
		{"other-instance-protocol", addition("http 80 https 80"), query.DuplicateListener, duplicate("80")},
		{"other-certificate", addition("https 443 https 8443 " + rigARN2), query.DuplicateListener, duplicate("443")},
		{"one-of-two", addition("tcp 91 - 91", "http 80 http 81"), query.DuplicateListener, duplicate("80")},
		{"twice-in-a-request", addition("tcp 91 - 91", "tcp 91 - 92"), query.DuplicateListener, duplicate("91")},
		{"no-certificate", addition("https 444 http 80"), query.ValidationError, "Secure Listeners need to specify a SSLCertificateId"},
		{"no-certificate-ssl", addition("ssl 444 tcp 80"), query.ValidationError, "Secure Listeners need to specify a SSLCertificateId"},
		{"unknown-certificate", addition("https 444 http 80 arn:x"), query.CertificateNotFound, "Server Certificate not found for the key: arn:x"},
		{"one-unknown-certificate", addition("tcp 91 - 91", "ssl 444 tcp 80 arn:x"), query.CertificateNotFound, "Server Certificate not found for the key: arn:x"},
		{"http-tcp", addition("http 91 tcp 91"), query.ValidationError, "Listeners.member.1.InstanceProtocol TCP does not go with the Protocol HTTP: …"},
		{"ssl-https", addition("ssl 91 https 91 " + rigARN), query.ValidationError, "…"},
		{"protocol", addition("udp 91 - 91"), query.UnsupportedProtocol, "…"},
		{"port-0", addition("tcp 0 - 91"), query.ValidationError, "…"},
		{"port-99999", addition("tcp 99999 - 91"), query.ValidationError, "…99999 is out of range: allowed is 1 to 65535"},
		{"instance-port-0", addition("tcp 91 - 0"), query.ValidationError, "…"},
		{"instance-port-65536", addition("tcp 91 - 65536"), query.ValidationError, "…"},
		{"secure-on-plain-instance-port", addition("http 91 https 80"), query.InvalidConfigurationRequest,
			"InstanceProtocol HTTPS of the listener on port 91 does not go with HTTP of the listener on port 80: …"},
		{"plain-on-secure-instance-port", addition("tcp 91 tcp 8443"), query.InvalidConfigurationRequest, "…"},
		{"both-in-a-request", addition("tcp 91 tcp 91", "tcp 92 ssl 91"), query.InvalidConfigurationRequest, "…"},
	})
	r.runtime.refuse(errors.New("bind 127.0.0.16:91: permission denied"))
	r.checkWrong([]wrongForm{{"bind", addition("tcp 91 - 91"), query.InvalidConfigurationRequest, "…bind 127.0.0.16:91: permission denied"}})
	r.checkStored()
}

func TestCreateListenersQuota(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", func(d *document) {
		d.Listeners = nil
		for port := range int32(listenersMax - 1) {
			d.Listeners = append(d.Listeners, listener{Protocol: "TCP", Port: port + 1, InstanceProtocol: "TCP", InstancePort: 80})
		}
	})
	r.checkWrong([]wrongForm{
		{"two", addition("tcp 1000 - 80", "tcp 1001 - 80"), query.InvalidConfigurationRequest, "The load balancer 'web' would have 101 listeners: 100 are allowed"},
	})
	made[query.Empty](r, addition("tcp 1000 - 80"))
	r.checkWrong([]wrongForm{{"one", addition("tcp 1001 - 80"), query.InvalidConfigurationRequest, "…100 are allowed"}})
}

func TestDeleteListeners(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.Empty](r, addition("https 443 - 80 "+rigARN, "tcp 90 - 90"))
	const form = "Action=DeleteLoadBalancerListeners&LoadBalancerName=web"
	made[query.Empty](r, form+"&LoadBalancerPorts.member.1=443&LoadBalancerPorts.member.2=7&LoadBalancerPorts.member.3=90")
	if got := r.described("web").ListenerDescriptions; len(got) != 1 || got[0].Listener.LoadBalancerPort != 80 {
		t.Errorf("got %+v, want the one on port 80", got)
	}
	_, revision := r.store.List("")
	made[query.Empty](r, form+"&LoadBalancerPorts.member.1=443")
	if _, now := r.store.List(""); now != revision {
		t.Error("the repeat has changed something")
	}
	r.checkWrong([]wrongForm{
		{"none", form, query.MissingParameter, "…"},
		{"empty", form + "&LoadBalancerPorts=", query.ValidationError, "LoadBalancerPorts cannot be empty"},
		{"port-99999", form + "&LoadBalancerPorts.member.1=99999", query.ValidationError, "…"},
	})

	// A listener is changed by making it anew. There may be none at all meanwhile.
	made[query.Empty](r, form+"&LoadBalancerPorts.member.1=80")
	if got := r.described("web"); len(got.ListenerDescriptions) != 0 || !reflect.DeepEqual(got.Policies.OtherPolicies, []string{"ELBSecurityPolicy-2016-08"}) {
		t.Errorf("got %+v", got)
	}
	made[query.Empty](r, addition("tcp 80 - 81"))
	r.checkStored()
}

func TestSetListenerCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.Empty](r, addition("https 443 - 80 "+rigARN))
	const form = "Action=SetLoadBalancerListenerSSLCertificate&LoadBalancerName=web&LoadBalancerPort="
	made[query.Empty](r, form+"443&SSLCertificateId="+rigARN2)
	got := r.described("web").ListenerDescriptions[1]
	if *got.Listener.SSLCertificateID != rigARN2 || !reflect.DeepEqual(got.PolicyNames, []string{"ELBSecurityPolicy-2016-08"}) {
		t.Errorf("got %+v, want the other certificate and the same policy", got)
	}
	r.checkWrong([]wrongForm{
		{"no-listener", form + "444&SSLCertificateId=" + rigARN, query.ListenerNotFound, "There is no listener with LoadBalancerPort 444 for load balancer web"},
		{"plain", form + "80&SSLCertificateId=" + rigARN, query.InvalidConfigurationRequest, "The listener on port 80 of load balancer web speaks HTTP and has no certificate: …"},
		{"unknown", form + "443&SSLCertificateId=arn:x", query.CertificateNotFound, "Server Certificate not found for the key: arn:x"},
		{"port", form + "0&SSLCertificateId=" + rigARN, query.ValidationError, "…"},
		{"none", form + "443", query.MissingParameter, "…"},
	})
	r.checkStored()
}
