package wire

// Tags are the notes of an owner. A value of a defined tag is a string, a json.Number or a bool.
type Tags struct {
	FreeformTags       map[string]string         `wire:"freeformTags" keyrange:"1-100" eachrange:"0-256"`
	DefinedTags        map[string]map[string]any `wire:"definedTags" keyrange:"1-100"`
	SecurityAttributes map[string]map[string]any `wire:"securityAttributes" keyrange:"1-100"`
}
