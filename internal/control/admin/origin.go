package admin

import (
	"fmt"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
)

// inTermsOf returns a story in the words of whoever defined the load balancer: advice names settings of lull.yaml, and one that
// was made through the Classic ELB API has them elsewhere, or not at all.
func inTermsOf(origin string, story []string, e *record.Ends) []string {
	if origin != plan.OriginELB {
		return story
	}
	terms := strings.NewReplacer(
		whereIs("idle", e), "the idle timeout of load balancer "+e.LoadBalancer,
		whereIs("drain", e), "the connection draining timeout of load balancer "+e.LoadBalancer,
		" in lull.yaml", "",
		"`timeouts.", "lull's own `",
	)
	told := make([]string, len(story))
	for i, sentence := range story {
		if told[i] = sentence; !strings.Contains(sentence, "`limits.") { // those are the process's, and stay where they are
			told[i] = terms.Replace(sentence) + commandFor(sentence, e)
		}
	}
	return told
}

// commandFor returns a sentence with the command that changes the timeout which a sentence advises to raise; empty if that is none
// of those that the API has.
func commandFor(sentence string, e *record.Ends) string {
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
