package inspect

// Rule is one thing that can be wrong with a route or a proxy.
type Rule struct {
	ID       string
	Hop      Hop
	Scope    Scope
	Severity Severity // of a finding that is proven or certain; a likely one is at most a warning
	Live     bool     // nothing in the files shows it, so that it is not tried where they are all there is
	Causes   string   // ids of causes, as errorlog's kinds have them, with blanks: they join a rule with the log lines that show it
	Title    string   // one line, lower case, without a full stop
	Why      string   // what happens, and why
	Bad      string   // an example that has the fault
	Good     string   // the same, mended
	Fix      string   // what to do
	Check    func(*Case) *Finding

	// Settled is what a look from where nginx stands says of the fault: that it is there, or that it is not.
	// Nil: nothing seen settles it.
	Settled func(*Case) sight
}

// Scope is what a rule judges.
type Scope int

const (
	OfProxy Scope = iota // once per proxy
	OfRoute              // each backend of each route, and each server of a group that no route uses
)
