package inspect

// Options narrow what a report says.
type Options struct {
	Ignore []Ignore
}

// Ignore is one --ignore: a rule, and the service, host or route that it is ignored for.
type Ignore struct {
	Rule    string // * is every rule
	Subject string // * stands for anything; empty: everything
}
