package awselb

import (
	"path/filepath"

	"lull/internal/lulltest"
)

const modify = `aws elb modify-load-balancer-attributes --load-balancer-name my-loadbalancer --load-balancer-attributes `

// modified is the shape of an answer with one group of attributes.
func modified(group string) string {
	return `{"LoadBalancerAttributes": {` + group + `}, "LoadBalancerName": "my-loadbalancer"}`
}

// attributes is the shape of all attributes, with cross-zone load balancing and the idle timeout as they are given.
func attributes(crossZone, draining, idle string) string {
	return `{"LoadBalancerAttributes": {"ConnectionDraining": {"Enabled": ` + draining + `, "Timeout": 300},
		"CrossZoneLoadBalancing": {"Enabled": ` + crossZone + `}, "ConnectionSettings": {"IdleTimeout": ` + idle + `},
		"AccessLog": {"Enabled": false}, "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "defensive"}]}}`
}

func guideAttributes() []section {
	return []section{
		{name: "config-idle-timeout", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "1", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":30}}"`,
				want: modified(`"ConnectionSettings": {"IdleTimeout": 30}`),
				wire: []string{"Action=ModifyLoadBalancerAttributes", "Version=2012-06-01", "LoadBalancerName=my-loadbalancer", "LoadBalancerAttributes.ConnectionSettings.IdleTimeout=30"},
			},
		}},
		{name: "config-conn-drain", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "2", line: modify + `"{\"ConnectionDraining\":{\"Enabled\":true,\"Timeout\":300}}"`,
				want: modified(`"ConnectionDraining": {"Enabled": true, "Timeout": 300}`),
			},
			{
				id: "3", line: modify + `"{\"ConnectionDraining\":{\"Enabled\":false}}"`,
				want: modified(`"ConnectionDraining": {"Enabled": false, "Timeout": 300}`),
			},
		}},
		{name: "enable-disable-crosszone-lb", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "4", line: modify + `"{\"CrossZoneLoadBalancing\":{\"Enabled\":true}}"`,
				want: modified(`"CrossZoneLoadBalancing": {"Enabled": true}`),
				wire: []string{"LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled=true"},
			},
			{id: "5", line: `aws elb describe-load-balancer-attributes --load-balancer-name my-loadbalancer`, want: attributes("true", "false", "60")},
			{
				id: "6", line: modify + `"{\"CrossZoneLoadBalancing\":{\"Enabled\":false}}"`,
				want: modified(`"CrossZoneLoadBalancing": {"Enabled": false}`),
			},
			{id: "7", line: `aws elb describe-load-balancer-attributes --load-balancer-name my-loadbalancer`, want: attributes("false", "false", "60")},
		}},
		{name: "enable-access-logs", setup: func(w *world) {
			w.inZones("my-loadbalancer")
			w.file("my-json-file.json", `{"AccessLog":{"Enabled":true,"S3BucketName":"my-loadbalancer-logs","EmitInterval":60,"S3BucketPrefix":"my-app"}}`)
		}, rows: []row{
			{
				id: "8", line: modify + `file://my-json-file.json`,
				want: modified(`"AccessLog": {"Enabled": true, "EmitInterval": 60, "S3BucketName": "my-loadbalancer-logs", "S3BucketPrefix": "my-app"}`),
				after: func(w *world) {
					const object = "my-loadbalancer-logs/my-app/AWSLogs/*/ELBAccessLogTestFile"
					lulltest.Within(w.t, patience, func() string {
						if found, _ := filepath.Glob(filepath.Join(w.Path, "logs", object)); len(found) != 1 {
							return "there is no " + object
						}
						return ""
					})
				},
			},
			{
				id: "9", line: modify + `"{\"AccessLog\":{\"Enabled\":false}}"`,
				want: modified(`"AccessLog": {"Enabled": false, "EmitInterval": 60, "S3BucketName": "my-loadbalancer-logs", "S3BucketPrefix": "my-app"}`),
			},
		}},
		{name: "config-desync-mitigation-mode", setup: func(w *world) {
			w.inZones("my-load-balancer")
			w.file("attribute.json", `{"AdditionalAttributes":[{"Key":"elb.http.desyncmitigationmode","Value":"strictest"}]}`)
		}, rows: []row{
			{
				id:   "10",
				line: `aws elb modify-load-balancer-attributes --load-balancer-name my-load-balancer --load-balancer-attributes file://attribute.json`,
				want: `{"LoadBalancerName": "my-load-balancer", "LoadBalancerAttributes": {"AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "strictest"}]}}`,
				wire: []string{"LoadBalancerAttributes.AdditionalAttributes.member.1.Key=elb.http.desyncmitigationmode"},
			},
		}},
	}
}
