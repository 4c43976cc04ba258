package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lull/internal/clock"
	"lull/internal/control/file"
)

func newServe(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "serve [lull.yaml]",
		Short: "Run in the foreground until SIGTERM or SIGINT",
		Long: "Runs what the file says, in the foreground; without a file, the Classic ELB API, the OCI Load Balancer API and the\n" +
			"web console on 127.0.0.1:8440 with their state in ./lull-data, and what is made through them. Prints `ready` on standard\n" +
			"error once every listener accepts.\n" +
			"SIGHUP re-reads the file: what did not change is not touched, changed timeouts reach open connections, and a\n" +
			"faulty file changes nothing. It re-reads certificates, too; one whose files change is replaced within seconds even\n" +
			"without it, and open connections do not notice. SIGTERM and SIGINT stop accepting and let open connections end within their drain\n" +
			"time; a second one ends them at once.",
		Args: between(0, 1, "the file to serve"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "" // no file
			if len(args) > 0 {
				path = args[0]
			}
			return serve(e, path, func(i *instance) { i.announceConsole(e.stderr) })
		},
	}
}

// load reads the file at path; "" stands for no file.
func load(path string) (*file.Config, error) {
	if path == "" {
		return file.Default(), nil
	}
	return file.Load(path)
}

// serve runs the file until a signal ends it; it calls started when every listener accepts, and then prints `ready`.
func serve(e *env, path string, started func(*instance)) error {
	c, err := load(path)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8) // before anything runs, so that none is missed
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // whoever reads our logs may go; we stay
	// They stay with us until the process has ended: a signal more, sent while lull is on its way out, must not turn an
	// ordinary end into one by a signal.

	logger := slog.New(slog.NewTextHandler(e.stderr, nil))
	slog.SetDefault(logger)
	for _, w := range c.Warnings() {
		logger.Warn(w)
	}
	i, err := startInstance(c, logger)
	if err != nil {
		return err
	}
	defer i.close()
	started(i)
	fmt.Fprintln(e.stderr, "ready")
	i.run(signals, path)
	return nil
}

// run obeys signals until the last connection has ended after SIGTERM or SIGINT.
func (i *instance) run(signals <-chan os.Signal, path string) {
	for s := range signals {
		if s != syscall.SIGHUP {
			break
		}
		i.reloadFile(path)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for s := range signals {
			if s != syscall.SIGHUP {
				cancel()
				return
			}
		}
	}()
	i.drain(ctx)
}

// reloadFile obeys SIGHUP.
func (i *instance) reloadFile(path string) {
	c, err := load(path)
	if err == nil {
		err = i.reload(c)
	}
	if err != nil {
		i.logger.Error("reload refused, nothing has changed", "error", err)
		i.reopenAccessLog()                       // rotating logs must not depend on a file that somebody is just editing,
		i.watcher.Reload(clock.Wall(clock.Now())) // nor must renewed certificates
		return
	}
	for _, w := range c.Warnings() {
		i.logger.Warn(w)
	}
	i.logger.Info("reloaded", "file", path, "revision", i.engine.Stats().PlanRevision)
}
