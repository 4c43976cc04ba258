package ociapi

//nolint:gochecknoglobals // a table
var catalogueReads = map[string]read{}
