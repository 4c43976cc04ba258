package ociapi

//nolint:gochecknoglobals // a table
var certificateReads = map[string]read{}

//nolint:gochecknoglobals // a table
var certificateChanges = map[string]change{}
