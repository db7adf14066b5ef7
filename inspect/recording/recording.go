// Package recording writes down what a diagnosis rests on (the project as merged, the configuration as
// loaded, what the daemon and the probes said, the clock), so that it can be judged again elsewhere.
//
// A record is one JSON document. Nothing in it looks like a credential: see inspect.Secrets.
package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"why502/compose"
	"why502/inspect"
)

// Version is that of the format. A record of a later one is not read.
const Version = 1

// MaxSize bounds a record, in bytes.
const MaxSize = 128 << 20

// Record is what a diagnosis rests on.
type Record struct {
	Tool      string // version of the program that wrote it
	Time      time.Time
	Directory string // of the project, as it was shown
	Live      inspect.Live
	Stack     *compose.Stack
	Snapshot  *inspect.Snapshot // nil: the daemon was not asked
}

// file is the document. Objects are what pointers lead to. Each refers to earlier ones alone, by their
// index; the last is the content.
type file struct {
	Why502  int               `json:"why502"` // Version
	Tool    string            `json:"tool"`
	Time    time.Time         `json:"time"`
	Objects []json.RawMessage `json:"objects"`
}

// content is all that is written with references.
type content struct {
	Directory string
	Live      inspect.Live
	Stack     *compose.Stack
	Places    compose.Index // of Stack
	Snapshot  *inspect.Snapshot
}

// Encode writes a record, without credentials.
func Encode(r *Record) ([]byte, error) {
	c := content{r.Directory, r.Live, r.Stack, r.Stack.Index(), r.Snapshot}
	objects, err := encode(&c, inspect.NewSecrets(r.Stack))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(file{Version, r.Tool, r.Time, objects}); err != nil {
		return nil, err
	}
	if b.Len() > MaxSize {
		return nil, fmt.Errorf("it would have %d MB, more than the %d MB that are read again", b.Len()>>20, MaxSize>>20)
	}
	return b.Bytes(), nil
}

// Decode reads a record, which may be any text.
func Decode(text []byte) (*Record, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("it is larger than %d MB", MaxSize>>20)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil || f.Why502 < 1 {
		return nil, errors.New("it is no record of why502")
	}
	if f.Why502 > Version {
		return nil, fmt.Errorf("it was made by why502 %.20s, which is newer than this one", f.Tool)
	}
	var c content
	if err := decode(f.Objects, &c); err != nil {
		return nil, fmt.Errorf("it cannot be read (why502 %.20s made it): %w", f.Tool, err)
	}
	if err := c.settle(); err != nil {
		return nil, fmt.Errorf("it was changed, or is damaged: %w", err)
	}
	return &Record{f.Tool, f.Time, c.Directory, c.Live, c.Stack, c.Snapshot}, nil
}

// settle puts together what is written apart, and checks what everything rests on.
func (c *content) settle() error {
	switch {
	case c.Stack == nil:
		return errors.New("there is no project in it")
	case len(c.Stack.Files) == 0:
		return errors.New("its project has no files")
	}
	for name, svc := range c.Stack.Services {
		if svc == nil || svc.Name != name {
			return fmt.Errorf("the service %.50q is missing", name)
		}
	}
	for name, n := range c.Stack.Networks {
		if n == nil {
			return fmt.Errorf("the network %.50q is missing", name)
		}
	}
	c.Stack.SetIndex(c.Places)
	for _, all := range [][]*compose.Proxy{c.Stack.Proxies, c.Stack.Servers} {
		for _, p := range all {
			if err := settleProxy(c.Stack, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleProxy gives the routes of a proxy their way back to it.
func settleProxy(stack *compose.Stack, p *compose.Proxy) error {
	if p.Config == nil || p.Service == nil || stack.Services[p.Service.Name] != p.Service {
		return errors.New("a proxy lacks its service or its configuration")
	}
	for _, r := range p.Routes {
		if r.Server == nil || r.Pass == nil || r.Location == nil && !r.Server.Stream || r.Proxy != nil {
			return fmt.Errorf("a route of %.50q lacks its server, location or pass, or belongs to another proxy", p.Service.Name)
		}
		r.Proxy = p
	}
	return nil
}
