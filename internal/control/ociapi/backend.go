package ociapi

//nolint:gochecknoglobals // a table
var backendReads = map[string]read{}

//nolint:gochecknoglobals // a table
var backendChanges = map[string]change{}
