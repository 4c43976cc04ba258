package cli

import (
	"fmt"
	"io"
	"net"

	"lull/internal/clock"
	"lull/internal/console"
	"lull/internal/control/apply"
	"lull/internal/dataplane"
)

// openConsole makes the console, which answers at api.address.
func (s *cloud) openConsole(applier *apply.Applier, engine *dataplane.Engine) (err error) {
	host, _, _ := net.SplitHostPort(s.config.Address) // validated with the rest of the file
	s.console, err = console.New(console.Options{
		Engine: engine, Plan: applier.Plan, Keys: s.keys, ELB: s.elb.Load().Do, InstanceHost: s.elb.Load().InstanceHost, Zones: s.config.Zones, OCI: s.oci.Load(), Tenancy: s.tenancy, Host: host, Log: s.logger, Now: clock.Real,
	})
	return err
}

// consoleLink returns a link that opens the console once, as the administrator of the first start.
func (s *cloud) consoleLink() (string, error) {
	link, err := s.console.Link(s.administrator)
	if err != nil {
		return "", fmt.Errorf("make a link to the console: %w", err)
	}
	return s.url() + link, nil
}

// announceConsole tells where the console is: on the first start with a link that needs no key. It is told to whoever reads the terminal
// and not to the log, which others may read.
func (i *instance) announceConsole(to io.Writer) {
	if i.cloud == nil {
		return
	}
	at := i.cloud.url() + console.Root
	if i.cloud.firstTime {
		if link, err := i.cloud.consoleLink(); err == nil {
			fmt.Fprintf(to, "console: %s (once, within an hour; later %s with an access key)\n", link, at)
			return
		}
	}
	fmt.Fprintf(to, "console: %s\n", at)
}

// addConsole makes a link to the console. Without one there is less to look at, which is no reason to stop.
func (s *stage) addConsole(i *instance) {
	link, err := i.cloud.consoleLink()
	if err != nil {
		i.logger.Warn("no link to the console", "error", err)
		return
	}
	s.console = link
}
