package ociapi

//nolint:gochecknoglobals // a table
var cipherSuiteReads = map[string]read{}

//nolint:gochecknoglobals // a table
var cipherSuiteChanges = map[string]change{}
