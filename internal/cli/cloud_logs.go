package cli

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"lull/internal/control/awselb"
	"lull/internal/control/file"
	"lull/internal/control/logdelivery"
	"lull/internal/dataplane"
)

// openLogDelivery makes what takes access logs to their buckets.
func openLogDelivery(c *file.API, engine *dataplane.Engine, logger *slog.Logger) (*logdelivery.Delivery, error) {
	var to logdelivery.Store
	var err error
	if s3 := c.AccessLogs.S3; s3 != nil {
		to, err = openS3(s3)
	} else {
		to, err = logdelivery.NewDirectory(c.AccessLogs.Directory)
	}
	if err != nil {
		return nil, err
	}
	return logdelivery.New(logdelivery.Options{
		Log: engine.Log(), Exchanges: engine.Exchanges(), Store: to, Account: c.Account, Region: c.Region,
		Spool: filepath.Join(c.Data, spoolDir), Logger: logger,
	})
}

func openS3(c *file.S3) (*logdelivery.S3, error) {
	return logdelivery.NewS3(logdelivery.S3Options{Endpoint: c.Endpoint, Region: c.Region, AccessKeyID: c.AccessKeyID, SecretKey: c.SecretKey})
}

// logs is what awselb sees of the delivery.
type logs struct{ delivery *logdelivery.Delivery }

// Check implements awselb.AccessLogs.
func (l logs) Check(ctx context.Context, t awselb.LogTarget) error {
	return l.delivery.Check(ctx, targetOf(t))
}

// SetTargets implements awselb.AccessLogs.
func (l logs) SetTargets(targets map[string]awselb.LogTarget) {
	byName := make(map[string]logdelivery.Target, len(targets))
	for name, t := range targets {
		byName[name] = targetOf(t)
	}
	l.delivery.SetTargets(byName)
}

func targetOf(t awselb.LogTarget) logdelivery.Target {
	return logdelivery.Target{Name: t.Name, Bucket: t.Bucket, Prefix: t.Prefix, Interval: time.Duration(t.IntervalMinutes) * time.Minute}
}
