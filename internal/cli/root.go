package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"lull/internal/control/file"
)

// The exit codes.
const (
	exitFine   = 0
	exitFailed = 1 // while running
	exitWrong  = 2 // wrong usage or configuration
)

// env is what a command may use of the process around it.
type env struct {
	stdout, stderr io.Writer
}

// commands lists the commands; each one's constructor is in the file of its name.
func commands(e *env) []*cobra.Command {
	return []*cobra.Command{
		newServe(e),
		newCheck(e),
		newConns(e),
		newEvents(e),
		newExplain(e),
		newKeys(e),
		newOCIKeys(e),
		newInstances(e),
		newCerts(e),
		newDemo(e),
		newVersion(e),
	}
}

// usageError says that the command line is wrong: exit code 2, with a hint to the command's help.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// badUsage returns a usageError. Its text is one line.
func badUsage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// Main runs the command that args name and returns the exit code of the process: 0 fine, 1 failed while running, 2
// wrong usage or configuration.
func Main(args []string, stdout, stderr io.Writer) int {
	e := &env{stdout: stdout, stderr: stderr}
	root := newRoot(e)
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take the process's own
	cmd, err := root.ExecuteC()
	return e.report(cmd, err)
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "lull",
		Short: "A load balancer whose speciality is when connections end",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SilenceErrors:              true, // report prints them
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badUsage("%v", err) })
	root.AddCommand(commands(e)...)
	root.SetHelpCommand(newHelp())
	return root
}

// newHelp replaces cobra's own, which is content with a command that does not exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(cmd.Root(), rest)
			}
			return about.Help()
		},
	}
}

// unknownCommand refuses what is left over when no command matched.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := root.SuggestionsFor(args[0])
	if len(near) == 0 {
		return badUsage("there is no command %q", args[0])
	}
	return badUsage("there is no command %q: did you mean %s?", args[0], strings.Join(near, " or "))
}

// between returns a check of the number of arguments; what names them for the message, as in "the file to check".
func between(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return badUsage("%s is missing", what)
		case len(args) > most:
			return badUsage("%q is one argument too many", args[most])
		}
		return nil
	}
}

// report writes what went wrong to standard error, if anything did, and returns the exit code.
func (e *env) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitFine
	}
	var usage usageError
	var faults file.Errors
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(e.stderr, "%s: %s; see %s --help\n", cmd.CommandPath(), usage.text, cmd.CommandPath())
		return exitWrong
	case errors.As(err, &faults):
		fmt.Fprintln(e.stderr, faults) // each line says where it is from
		return exitWrong
	default:
		fmt.Fprintf(e.stderr, "%s: %v\n", cmd.CommandPath(), err)
		return exitFailed
	}
}
