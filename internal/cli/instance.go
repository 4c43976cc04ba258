package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"lull/internal/clock"
	"lull/internal/control/admin"
	"lull/internal/control/apply"
	"lull/internal/control/certfile"
	"lull/internal/control/file"
	"lull/internal/control/lullapi"
	"lull/internal/control/metrics"
	"lull/internal/dataplane"
	"lull/internal/dataplane/accesslog"
)

// resolveWait is how long a start waits for backend names: a slow DNS server must not keep everything else from
// starting.
const resolveWait = 2 * time.Second

// instance is everything of a running lull. It is started by serve and demo, and used on their goroutine only.
type instance struct {
	config  *file.Config
	logger  *slog.Logger
	engine  *dataplane.Engine
	applier *apply.Applier
	admin   *admin.Server
	metrics *metrics.Server   // nil: not served
	log     *accesslog.Writer // nil: none is written
	watcher *certfile.Watcher
	cloud   *cloud // nil: the clouds' APIs are not served
}

// startInstance starts what the configuration asks for. When it returns, every listener accepts. On an error nothing is
// left running.
func startInstance(c *file.Config, logger *slog.Logger) (*instance, error) {
	i := &instance{config: c, logger: logger}
	if err := i.start(); err != nil {
		i.close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveWait)
	defer cancel()
	if err := i.applier.WaitResolved(ctx); err != nil {
		logger.Warn("not every backend name is resolved yet", "waited", resolveWait)
	}
	i.setReady(true)
	return i, nil
}

func (i *instance) start() (err error) {
	c := i.config
	if i.engine, err = dataplane.New(dataplane.Options{Loops: c.Loops, ConnectionsMax: c.ConnectionsMax}); err != nil {
		return err
	}
	i.applier = apply.New(i.engine)
	i.watcher = certfile.NewWatcher(i.logger)
	var mounts []admin.Mount
	if c.API != nil {
		if i.cloud, err = openCloud(c, i.engine, i.logger); err != nil {
			return err
		}
		mounts = append(mounts, admin.Mount{Names: lullapi.Names(), Handler: i.cloud.handler()})
	}
	if i.admin, err = admin.Serve(c.AdminSocket, i.engine, adminVersion(), i.logger, mounts...); err != nil {
		return err
	}
	if i.log, err = openAccessLog(i.engine, c.AccessLog, i.logger); err != nil {
		return err
	}
	if c.Metrics != "" {
		if i.metrics, err = metrics.Serve(c.Metrics, i.engine, i.logger); err != nil {
			return err
		}
		i.metrics.SetAccessLog(i.log)
		i.metrics.SetChecks(i.applier)
		i.metrics.SetCertificates(expiries{i.watcher, i.cloud})
	}
	if err = i.applier.Change(apply.File, c.Plan.LoadBalancers, nil); err != nil {
		return err
	}
	i.watcher.Apply(c.Certificates)
	if i.cloud == nil {
		return nil
	}
	if err = i.cloud.serve(i.applier, i.engine); err != nil {
		return err
	}
	i.nameOwners(i.log)
	if i.metrics != nil {
		i.metrics.SetDelivery(i.cloud.logs)
		i.metrics.SetClassic(i.cloud)
		i.metrics.SetOCI(i.cloud)
	}
	return nil
}

func (i *instance) setReady(ready bool) {
	if i.metrics != nil {
		i.metrics.SetReady(ready)
	}
}

func openAccessLog(e *dataplane.Engine, a file.AccessLog, logger *slog.Logger) (*accesslog.Writer, error) {
	if a.Path == "" {
		return nil, nil //nolint:nilnil // no log is wanted, which is no error
	}
	format, _ := accesslog.ParseFormat(a.Format) // validated with the rest of the file
	return accesslog.Open(e.Log(), e.Exchanges(), e.HealthChanges(), a.Path, format, logger)
}

// reload takes a changed configuration over; on an error what runs is as before.
func (i *instance) reload(c *file.Config) error {
	log, err := i.changedAccessLog(c.AccessLog) // before the plan: a log can still be given up
	if err != nil {
		return err
	}
	if err := i.applier.Change(apply.File, c.Plan.LoadBalancers, nil); err != nil {
		if log != nil && log != i.log {
			i.warn("access log", log.Close())
		}
		return err
	}
	i.watcher.Apply(c.Certificates)
	if i.cloud != nil {
		i.warn("instances and limits of the file", i.cloud.reload(c))
	}
	i.engine.SetConnectionsMax(c.ConnectionsMax)
	i.useAccessLog(log)
	next := *c
	for _, s := range restartOnly(i.config, &next) {
		i.logger.Warn("a changed setting takes effect at the next start", "setting", s)
	}
	i.config = &next
	return nil
}

// changedAccessLog returns the log that a configuration asks for, which is the one in use if nothing about it changed.
func (i *instance) changedAccessLog(a file.AccessLog) (*accesslog.Writer, error) {
	if a == i.config.AccessLog {
		return i.log, nil
	}
	return openAccessLog(i.engine, a, i.logger)
}

// useAccessLog goes on with another log, or with the same one in a new file: its name may have been rotated away.
func (i *instance) useAccessLog(log *accesslog.Writer) {
	old := i.log
	if log == old {
		i.reopenAccessLog()
		return
	}
	i.nameOwners(log)
	i.log = log
	if i.metrics != nil {
		i.metrics.SetAccessLog(log)
	}
	if old != nil {
		i.warn("access log", old.Close())
	}
}

// nameOwners has an access log tell whose load balancers are, if an API makes them.
func (i *instance) nameOwners(log *accesslog.Writer) {
	if log != nil && i.cloud != nil {
		log.SetOwners(i.cloud.owners())
	}
}

// reopenAccessLog opens the log's path again; if that fails it goes on with the file it has.
func (i *instance) reopenAccessLog() {
	if i.log != nil {
		i.warn("access log not opened anew", i.log.Reopen())
	}
}

// restartOnly names the settings that differ and cannot change while lull runs, and sets them to what they are.
func restartOnly(running, next *file.Config) []string {
	var names []string
	if next.Loops != running.Loops {
		names = append(names, "loops")
	}
	if next.AdminSocket != running.AdminSocket {
		names = append(names, "admin.socket")
	}
	if next.Metrics != running.Metrics {
		names = append(names, "metrics.address")
	}
	if !sameAPI(next.API, running.API) {
		names = append(names, "api")
	}
	next.Loops, next.AdminSocket, next.Metrics, next.API = running.Loops, running.AdminSocket, running.Metrics, running.API
	return names
}

// drain stops accepting and gives open connections their drain time, or until ctx is over.
func (i *instance) drain(ctx context.Context) {
	i.setReady(false)
	if i.cloud != nil {
		i.cloud.stop() // nothing changes any more
	}
	if n := i.engine.Stats().Connections; n > 0 {
		i.logger.Info("draining; a second signal ends at once", "connections", n)
	}
	if err := i.engine.Drain(ctx); err != nil && !errors.Is(err, context.Canceled) {
		i.logger.Warn("drain", "error", err)
	}
}

// close ends everything; the access log last, so that every end is in it.
func (i *instance) close() {
	if i.cloud != nil {
		i.cloud.stop()
	}
	if i.watcher != nil {
		i.watcher.Close()
	}
	if i.applier != nil {
		i.applier.Close()
	}
	if i.engine != nil {
		i.engine.Close()
	}
	if i.admin != nil {
		i.warn("control socket", i.admin.Close())
	}
	if i.metrics != nil {
		i.warn("metrics", i.metrics.Close())
	}
	if i.log != nil {
		i.warn("access log", i.log.Close())
	}
	if i.cloud != nil {
		i.cloud.close()
	}
}

func (i *instance) warn(what string, err error) {
	if err != nil {
		i.logger.Warn(what, "error", err)
	}
}

// adminVersion is what the control socket tells of this process.
func adminVersion() admin.Version {
	v := currentVersion()
	a := admin.Version{Version: v.Version, Commit: v.Commit, Go: v.Go, PID: os.Getpid(), Started: clock.Wall(clock.Now())}
	for _, f := range v.Features {
		if f.Available {
			a.Features = append(a.Features, f.Name)
		}
	}
	return a
}
