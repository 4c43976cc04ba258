package ociapi

//nolint:gochecknoglobals // a table
var healthReads = map[string]read{}
