package ociapi

//nolint:gochecknoglobals // a table
var ruleSetReads = map[string]read{}

//nolint:gochecknoglobals // a table
var ruleSetChanges = map[string]change{}
