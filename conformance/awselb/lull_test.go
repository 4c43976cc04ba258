package awselb

import (
	"context"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"

	"lull/internal/lulltest/program"
)

// patience is how long something may take that follows by itself.
const patience = 10 * time.Second

// lull is a running program in a directory of its own.
type lull struct {
	*program.Dir
	t       testing.TB
	process *program.Process
	api     string
	dns     string
	key     string // the administrator's, that the first start wrote
	secret  string
	region  string
}

// config is a lull.yaml with addresses of its own.
const config = `admin: {socket: lull.sock}
api:
  address: {api}
  data: lull-data
  region: us-west-2
  account: "123456789012"
  addresses: [{net}.16-{net}.250]
  access_logs: {directory: logs}
  dns: {address: "{dns}"}
`

// alone says whether the network is nobody else's, as the script run makes it: then every port and every default is free.
func alone() bool { return os.Getenv("LULL_ALONE") == "yes" }

// prepare returns a lull that does not run yet.
func prepare(t testing.TB) *lull {
	t.Helper()
	return &lull{Dir: program.Built(t), t: t}
}

// at returns an address of the section's own for a backend.
func (l *lull) at(host byte) netip.Addr {
	address := netip.MustParseAddr(l.Net(1) + ".0").As4()
	address[3] = host
	return netip.AddrFrom4(address)
}

// serve starts lull with a file that has its own addresses, and returns when it is ready.
func serve(t testing.TB) *lull {
	t.Helper()
	l := prepare(t)
	l.api, l.dns = l.At(8440).String(), l.At(8053).String()
	l.Write("lull.yaml", strings.NewReplacer("{api}", l.api, "{dns}", l.dns, "{net}", l.Net(0)).Replace(config))
	l.start("serve", "lull.yaml")
	return l
}

// start returns when lull is ready. No secret may be in what it has said when it has ended.
func (l *lull) start(args ...string) {
	l.t.Helper()
	l.t.Cleanup(func() {
		if l.secret != "" && strings.Contains(l.process.Said(), l.secret) {
			l.t.Error("lull has logged a secret key")
		}
	})
	l.process = l.Start(args...)
	l.process.WaitReady()
	l.readCredentials()
}

// use has what fails from now on fail that test.
func (l *lull) use(t testing.TB) {
	l.t = t
	l.For(t)
}

// readCredentials reads what the first start wrote, as the aws command does.
func (l *lull) readCredentials() {
	l.t.Helper()
	l.key = l.setting("credentials", "aws_access_key_id")
	l.secret = l.setting("credentials", "aws_secret_access_key")
	l.region = l.setting("config", "region")
}

func (l *lull) setting(file, name string) string {
	l.t.Helper()
	text := l.Read("lull-data/aws/" + file)
	m := regexp.MustCompile(`(?m)^` + name + ` *= *(\S+) *$`).FindStringSubmatch(text)
	if m == nil {
		l.t.Fatalf("%s: got\n%s\nwant a line with %s", file, regexp.MustCompile(`(?m)secret.*$`).ReplaceAllString(text, "…"), name)
	}
	return m[1]
}

// client returns the SDK's client. It reads no configuration and no environment, and tries once.
func (l *lull) client() *elb.Client { return l.clientOf(l.key, l.secret) }

func (l *lull) clientOf(key, secret string) *elb.Client {
	return elb.New(elb.Options{
		Region: l.region, BaseEndpoint: aws.String("http://" + l.api), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
	})
}
