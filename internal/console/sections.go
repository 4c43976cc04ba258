package console

// tab is a link to one of the pages that a thing has.
type tab struct {
	Label, Link string
	Current     bool
}

// tabPage is one tab of a load balancer of either API.
type tabPage struct {
	Name     string
	Tabs     []tab
	Sections []section
}

// section is a part of a tab under a heading of its own.
type section struct {
	Heading, About string
	Facts          []fact
	Table          *table
	Actions        []action
}

// table is a table of which each row can be changed.
type table struct {
	Caption string
	Head    []string
	Rows    []tableRow
}

type tableRow struct {
	Cells   []string
	Actions []action
}

// action leads to the form that changes something. Readers do not get it.
type action struct {
	Label, Link string
	Of          string // the label with what it is about, where there are several alike
	Danger      bool
}
