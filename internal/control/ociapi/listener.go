package ociapi

//nolint:gochecknoglobals // a table
var listenerReads = map[string]read{}

//nolint:gochecknoglobals // a table
var listenerChanges = map[string]change{}
