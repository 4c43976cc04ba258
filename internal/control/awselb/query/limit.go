package query

// DescribeAccountLimitsRequest asks for the quotas, in pages.
type DescribeAccountLimitsRequest struct {
	Marker   *string `wire:"Marker"`
	PageSize *int32  `wire:"PageSize" range:"1-400"`
}

// DescribeAccountLimitsResult is one page; NextMarker is there when another follows.
type DescribeAccountLimitsResult struct {
	Limits     []Limit `wire:"Limits"`
	NextMarker *string `wire:"NextMarker"`
}

// Limit is a quota. The API gives its number as a string.
type Limit struct {
	Name string `wire:"Name"`
	Max  string `wire:"Max"`
}
