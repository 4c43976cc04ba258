package logdelivery

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Store is where files are delivered to: a *Directory or an *S3.
type Store interface {
	// Put writes a file in one piece: whoever reads the key finds all of it, or what was there before. Bucket and key
	// are of the form that this package makes and are refused otherwise. An error is a *RefusedError if the bucket does
	// not exist or may not be written, which somebody has to change.
	Put(ctx context.Context, bucket, key string, body *io.SectionReader) error
}

// RefusedError is a bucket that cannot be written. Its text is what the Classic Load Balancer answers; Err has the cause.
type RefusedError struct {
	Bucket string
	Err    error
}

// Error returns the text that users of the API know.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("Access Denied for bucket: %s. Please check S3bucket permission", e.Bucket)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// cause returns what to log of an error: a refusal's text says less than its reason.
func cause(err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Err
	}
	return err
}

// checkPlace refuses what this package does not make, so that a Store need not trust whoever calls it.
func checkPlace(bucket, key string) error {
	if !validBucket(bucket) || !validKey(key) {
		return fmt.Errorf("bucket %q, key %q: not names that access logs have", shown(bucket), shown(key))
	}
	return nil
}
