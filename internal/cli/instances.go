package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"lull/internal/control/lullapi"
)

func newInstances(e *env) *cobra.Command {
	return group("instances", "Set, list and remove instances: which address an instance id stands for",
		"The Classic ELB API knows backends by instance ids. The registry says which address each id stands for; load balancers follow\n"+
			"a change at once. Instances that lull.yaml defines are changed there.",
		newInstancesSet(e), newInstancesList(e), newInstancesRemove(e))
}

func newInstancesSet(e *env) *cobra.Command {
	var q question
	var zone string
	cmd := &cobra.Command{
		Use:   "set ID HOST",
		Short: "Have an instance id stand for an IP address or host name",
		Long: "Has an instance id stand for an IP address or a host name, be it a new id or not. A host name is looked up again and\n" +
			"again.",
		Args: between(2, 2, "the id of the instance or its address"),
		RunE: func(_ *cobra.Command, args []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				i, err := c.SetInstance(ctx, args[0], args[1], zone)
				if err != nil {
					return err
				}
				return q.show(e, i, func(w io.Writer) { printInstance(w, i) })
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	cmd.Flags().StringVar(&zone, "zone", "", "availability zone that the instance is in, such as us-east-1a")
	return cmd
}

func printInstance(w io.Writer, i lullapi.Instance) {
	fmt.Fprintf(w, "instance %s is %s", i.ID, i.Host)
	if i.Zone != "" {
		fmt.Fprintf(w, " in zone %s", i.Zone)
	}
	fmt.Fprintln(w)
}

func newInstancesList(e *env) *cobra.Command {
	return newList(e, "List the instances, those of lull.yaml included", (*lullapi.Client).Instances, printInstances)
}

func printInstances(w io.Writer, list []lullapi.Instance) {
	if len(list) > 0 {
		printTable(w, "ID\tHOST\tZONE\tDEFINED IN", func(row func(...string)) {
			for _, i := range list {
				row(i.ID, i.Host, i.Zone, i.File)
			}
		})
	}
	fmt.Fprintln(w, number(len(list), "instance"))
}

func newInstancesRemove(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Remove an instance that no load balancer uses",
		Args:  between(1, 1, "the id of the instance"),
		RunE: func(_ *cobra.Command, args []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				if err := c.RemoveInstance(ctx, args[0]); err != nil {
					return err
				}
				return q.show(e, map[string]string{"removed": args[0]}, func(w io.Writer) {
					fmt.Fprintf(w, "instance %s is removed\n", args[0])
				})
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}
