package ociapi

//nolint:gochecknoglobals // a table
var routingPolicyReads = map[string]read{}

//nolint:gochecknoglobals // a table
var routingPolicyChanges = map[string]change{}
