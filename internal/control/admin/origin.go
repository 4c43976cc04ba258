package admin

import (
	"fmt"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
)

// inTermsOf returns a story in the words of whoever defined the load balancer: advice names settings of lull.yaml, and one that
// was made through an API of a cloud has them elsewhere, or not at all.
func inTermsOf(origin string, story []string, e *record.Ends) []string {
	var named []string // settings of lull.yaml and what they are there
	var command func(string, *record.Ends) string
	switch origin {
	case plan.OriginELB:
		named = []string{
			whereIs("idle", e), "the idle timeout of load balancer " + e.LoadBalancer,
			whereIs("drain", e), "the connection draining timeout of load balancer " + e.LoadBalancer,
		}
		command = commandForELB
	case plan.OriginOCI:
		named = []string{whereIs("idle", e), fmt.Sprintf("the idle timeout of the listener on port %d of load balancer %s", e.Local.Port(), e.LoadBalancer)}
		command = commandForOCI
	default:
		return story
	}
	terms := strings.NewReplacer(append(named, " in lull.yaml", "", "`timeouts.", "lull's own `")...)
	told := make([]string, len(story))
	for i, sentence := range story {
		if told[i] = sentence; !strings.Contains(sentence, "`limits.") { // those are the process's, and stay where they are
			told[i] = terms.Replace(sentence) + command(sentence, e)
		}
	}
	return told
}

// commandForELB returns the command that changes the timeout which a sentence advises to raise; empty if that is none of those that
// the Classic ELB API has.
func commandForELB(sentence string, e *record.Ends) string {
	attribute := ""
	switch {
	case strings.Contains(sentence, whereIs("idle", e)):
		attribute = `{"ConnectionSettings":{"IdleTimeout":SECONDS}}`
	case strings.Contains(sentence, whereIs("drain", e)):
		attribute = `{"ConnectionDraining":{"Enabled":true,"Timeout":SECONDS}}`
	default:
		return ""
	}
	return fmt.Sprintf(" The command: aws elb modify-load-balancer-attributes --load-balancer-name %s --load-balancer-attributes '%s'",
		e.LoadBalancer, attribute)
}

// commandForOCI is commandForELB for the OCI API, which lets nothing be set but the idle timeout. The command replaces the listener, so
// whoever left out the rest would lose its rules and its TLS.
func commandForOCI(sentence string, e *record.Ends) string {
	if !strings.Contains(sentence, whereIs("idle", e)) {
		return ""
	}
	name, _, _ := strings.Cut(e.Listener, "@") // and an address, where there are several
	if strings.Contains(name, ":") {           // a port that several share
		name = "NAME"
	}
	return fmt.Sprintf(" The command: oci lb listener update --load-balancer-id OCID --listener-name %s --port %d … "+
		"--connection-configuration-idle-timeout SECONDS, with all other settings of the listener again: what is left out goes back to its default.",
		name, e.Local.Port())
}
