package trace

import (
	"fmt"
	"strings"

	"why502/compose/proxy"
)

// ending is how the directives of a rewrite phase came to their end.
type ending int

const (
	onward   ending = iota // they did not: the next is carried out
	stopped                // the rest is left out
	answered               // something answers the request
)

// serverRewrite carries out what the server itself rewrites.
func serverRewrite(e *engine) phase {
	e.scope, e.quoting = e.serverScope(), true
	if end, next := e.rewrite(e.way.Server.Directives, e.scope); end == answered {
		return next
	}
	return findLocation
}

// locationRewrite carries out what the location rewrites, and looks for another location where the URI
// was changed.
func locationRewrite(e *engine) phase {
	e.quoting = true
	if e.scope.location != nil && e.scope.within == "" {
		if end, next := e.rewrite(e.scope.directives, e.scope); end == answered {
			return next
		}
	}
	if !e.uriChanged {
		return access
	}
	if e.changes--; e.changes == 0 {
		return e.cycle()
	}
	e.scope = e.serverScope()
	return findLocation
}

// rewrite carries out the directives of nginx's rewrite module, in their order.
func (e *engine) rewrite(directives []*proxy.Directive, at *scope) (ending, phase) {
	for _, d := range directives {
		if e.way.Unknown != "" {
			return answered, nil
		}
		end, next := onward, phase(nil)
		switch d.Name {
		case "set":
			e.assign(d)
		case "break":
			if e.uriChanged {
				e.validLocation, e.uriChanged = false, false
			}
			return stopped, nil
		case "return":
			end, next = e.returns(d)
		case "rewrite":
			end, next = e.replace(d)
		case "if":
			end, next = e.condition(d, at)
		default:
			if strings.Contains(d.Name, "rewrite_by_lua") || strings.Contains(d.Name, "access_by_lua") {
				return answered, e.give(fmt.Sprintf("`%s` decides by a program", d.Name))
			}
		}
		if end != onward {
			return end, next
		}
	}
	return onward, nil
}

// assign carries out a set.
func (e *engine) assign(d *proxy.Directive) {
	if len(d.Args) != 2 {
		return
	}
	name, v := lower(strings.TrimPrefix(d.Args[0], "$")), e.expand(word(d.Args[1]), e.quoting)
	e.step(StepSet, d.Place, "$%s is %q", name, v.text)
	if name == "args" {
		e.args = v
		return
	}
	e.set[name] = v
}

// returns carries out a return.
func (e *engine) returns(d *proxy.Directive) (ending, phase) {
	if len(d.Args) == 0 {
		return onward, nil
	}
	status, text, given := number(d.Args[0]), "", len(d.Args) > 1
	if given {
		text = word(d.Args[1])
	} else if status == 0 && d.Args[0] != "0" {
		status, text, given = 302, word(d.Args[0]), true
	}
	what := "return " + strings.Join(d.Args, " ")
	v := e.expand(text, false)
	redirects := status == 301 || status == 302 || status == 303 || status == 307 || status == 308
	if status >= 400 && text == "" {
		if status == 444 || status == 499 {
			e.way.Answer = Answer{What: what, Closed: true, Place: d.Place}
			e.step(StepAnswer, d.Place, "%s", what)
			return answered, nil
		}
		return answered, e.fail(status, d.Place, what)
	}
	if v.why != "" && redirects {
		v.text, v.why = text, ""
		return answered, e.give("where `" + what + "` leads to: " + e.expand(text, false).why)
	}
	if redirects {
		e.location = v.text
		return answered, e.fail(status, d.Place, what)
	}
	return answered, e.answer(Answer{Status: status, Text: v.text, What: what, Place: d.Place})
}

// replace carries out a rewrite.
func (e *engine) replace(d *proxy.Directive) (ending, phase) {
	if len(d.Args) < 2 {
		return onward, nil
	}
	matched, err := e.matches(word(d.Args[0]), false, e.uri)
	if err != nil {
		return answered, e.give(fmt.Sprintf("whether rewrite `%s` matches: %v", d.Args[0], err))
	}
	if !matched {
		e.captures, e.lostCaptures = nil, ""
		return onward, nil
	}
	r := newReplacement(d)
	if r.status != 0 {
		return answered, e.redirectTo(r, d)
	}
	e.internal, e.validUnparsed = true, false
	if r.flag == "break" {
		e.validLocation, e.uriChanged = false, false
	} else {
		e.uriChanged = true
	}
	if next := e.rewritten(r); e.way.Unknown != "" {
		return answered, next
	}
	e.quoting = false
	e.step(StepRewrite, d.Place, "rewrite to %s %s", e.uri, r.flag)
	if e.uri == "" {
		return answered, e.fail(500, d.Place, "the rewritten URI is empty")
	}
	if r.flag != "" {
		return stopped, nil
	}
	return onward, nil
}

// replacement is what a rewrite makes of the URI.
type replacement struct {
	text     string
	flag     string // last, break, redirect, permanent
	status   int    // of the redirect; 0: it is none
	addsArgs bool   // those of the request are kept
}

func newReplacement(d *proxy.Directive) replacement {
	r := replacement{text: word(d.Args[1]), addsArgs: true}
	for _, prefix := range []string{"http://", "https://", "$scheme"} {
		if strings.HasPrefix(r.text, prefix) {
			r.status = 302
		}
	}
	if kept, drops := strings.CutSuffix(r.text, "?"); drops {
		r.text, r.addsArgs = kept, false
	}
	if len(d.Args) > 2 {
		r.flag = d.Args[2]
	}
	switch r.flag {
	case "redirect":
		r.status = 302
	case "permanent":
		r.status = 301
	}
	return r
}

// rewritten changes URI and arguments.
func (e *engine) rewritten(r replacement) phase {
	path, query, hasQuery := strings.Cut(r.text, "?")
	uri, args := e.expand(path, false), e.expand(query, true)
	switch {
	case uri.why != "":
		return e.give("the URI after a rewrite: " + uri.why)
	case hasQuery && r.addsArgs && (e.args.text != "" || e.args.why != ""):
		args.text += "&" + e.args.text
		if args.why == "" {
			args.why = e.args.why
		}
	}
	switch {
	case hasQuery:
		e.args = args
	case !r.addsArgs:
		e.args = known("")
	}
	e.uri = uri.text
	return nil
}

// redirectTo answers with the redirect of a rewrite.
func (e *engine) redirectTo(r replacement, d *proxy.Directive) phase {
	v := e.expand(r.text, true)
	if v.why == "" {
		v.why = e.args.why
	}
	if v.why != "" {
		return e.give("where `rewrite` leads to: " + v.why)
	}
	e.location = unescapeRedirect(v.text)
	if r.addsArgs && e.args.text != "" {
		separator := "?"
		if strings.Contains(r.text, "?") {
			separator = "&"
		}
		e.location += separator + e.args.text
	}
	e.step(StepRewrite, d.Place, "redirect to %s", e.location)
	return e.fail(r.status, d.Place, "rewrite "+strings.Join(d.Args, " "))
}

// condition carries out an if. In a location its block becomes the one whose configuration holds.
func (e *engine) condition(d *proxy.Directive, at *scope) (ending, phase) {
	holds, err := e.test(d)
	if err != nil {
		return answered, e.give(fmt.Sprintf("whether `if (%s)` holds: %v", strings.Join(d.Args, " "), err))
	}
	if !holds {
		return onward, nil
	}
	e.step(StepIf, d.Place, "if (%s)", strings.Join(d.Args, " "))
	inner := &scope{d.Block, at, at.location, "if"}
	if at.location != nil {
		e.enter(inner)
	}
	return e.rewrite(d.Block, inner)
}

// test evaluates the condition of an if.
func (e *engine) test(d *proxy.Directive) (bool, error) {
	args := conditionArgs(d)
	question := "if (" + strings.Join(d.Args, " ") + ")"
	switch {
	case len(args) == 0:
		return false, nil
	case len(args) == 1:
		v := e.expand(args[0], e.quoting)
		if v.why != "" {
			return e.holds(d.Place, question+": "+v.why), nil
		}
		return v.text != "" && v.text != "0", nil
	case len(args) == 2:
		return e.testFile(d, args[0], args[1])
	}
	left := e.expand(args[0], e.quoting)
	op := args[1]
	if strings.Contains(op, "~") {
		return e.testRegex(d, left, op, args[2], question)
	}
	right := e.expand(args[2], e.quoting)
	if left.why != "" || right.why != "" {
		return e.holds(d.Place, question+": "+left.why+right.why), nil
	}
	return (left.text == right.text) == (op != "!="), nil
}

// conditionArgs are the words of a condition without the backslashes.
func conditionArgs(d *proxy.Directive) (args []string) {
	for _, arg := range d.Args {
		if arg != "" || len(args) > 1 {
			args = append(args, word(arg))
		}
	}
	return args
}

// testRegex matches the left side of a condition.
func (e *engine) testRegex(d *proxy.Directive, left value, op, pattern, question string) (bool, error) {
	negated := strings.HasPrefix(op, "!")
	if left.why != "" {
		e.captures, e.lostCaptures = nil, left.why
		return e.holds(d.Place, question+": "+left.why), nil
	}
	matched, err := e.matches(pattern, strings.HasSuffix(op, "*"), left.text)
	if err == nil && !matched {
		e.captures, e.lostCaptures = nil, ""
	}
	return matched != negated, err
}

// testFile looks for a file: -f, -d, -e, -x, and their opposites.
func (e *engine) testFile(d *proxy.Directive, op, name string) (bool, error) {
	v := e.expand(name, e.quoting)
	test, negated := strings.CutPrefix(op, "!")
	if v.why != "" || test == "-x" {
		return e.holds(d.Place, fmt.Sprintf("if (%s %s): %s", op, name, v.why)), nil
	}
	file := test != "-d" && e.isFile(d.Place, v.text)
	directory := test != "-f" && !file && e.isDirectory(d.Place, v.text)
	return (file || directory) != negated, nil
}
