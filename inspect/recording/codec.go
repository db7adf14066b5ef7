package recording

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"why502/inspect"
)

// The codec writes plain data as JSON: structs as objects without what is zero in them, maps with keys
// that are no strings as lists of pairs, pointers as the index of what they lead to. Unexported fields,
// and those with the tag record:"-", are left out.

// maxDepth bounds how far a chain of pointers leads.
const maxDepth = 200

// texts are the types that are written as texts of their own.
var (
	timeType    = reflect.TypeFor[time.Time]()
	addressType = reflect.TypeFor[netip.Addr]()
	prefixType  = reflect.TypeFor[netip.Prefix]()
	bytesType   = reflect.TypeFor[[]byte]()
)

func isText(t reflect.Type) bool { return t == timeType || t == addressType || t == prefixType }

// types remembers the fields of structs that are written.
type types map[reflect.Type][]reflect.StructField

func (seen types) fields(t reflect.Type) []reflect.StructField {
	all, known := seen[t]
	if !known {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && len(f.Index) == 1 && f.Tag.Get("record") != "-" {
				all = append(all, f)
			}
		}
		seen[t] = all
	}
	return all
}

// encoder writes one graph.
type encoder struct {
	types
	secrets *inspect.Secrets
	objects []json.RawMessage
	ids     map[any]int // of what pointers lead to; -1: it is being written
}

// encode writes what a pointer leads to, each object behind those that it refers to.
func encode(root any, secrets *inspect.Secrets) ([]json.RawMessage, error) {
	e := &encoder{types: types{}, secrets: secrets, ids: map[any]int{}}
	_, err := e.pointer(reflect.ValueOf(root))
	return e.objects, err
}

func (e *encoder) pointer(v reflect.Value) (id int, err error) {
	key := v.Interface()
	if id, known := e.ids[key]; known {
		if id < 0 {
			return 0, fmt.Errorf("a %s leads back to itself", v.Type())
		}
		return id, nil
	}
	e.ids[key] = -1
	plain, err := e.value(v.Elem())
	if err != nil {
		return 0, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plain); err != nil {
		return 0, err
	}
	e.objects = append(e.objects, bytes.TrimSpace(b.Bytes()))
	e.ids[key] = len(e.objects) - 1
	return e.ids[key], nil
}

// value gives what encoding/json is to write.
func (e *encoder) value(v reflect.Value) (any, error) {
	switch t := v.Type(); {
	case t == timeType:
		return v.Interface().(time.Time).UTC(), nil
	case isText(t):
		return v.Interface(), nil
	case t == bytesType:
		return e.secrets.Mask(string(v.Bytes())), nil
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint(), nil
	case reflect.String:
		return e.secrets.Mask(v.String()), nil
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return e.pointer(v)
	case reflect.Struct:
		return e.object(v)
	case reflect.Slice, reflect.Array:
		return e.list(v)
	case reflect.Map:
		return e.pairs(v)
	}
	return nil, fmt.Errorf("a %s cannot be written", v.Type())
}

func (e *encoder) object(v reflect.Value) (any, error) {
	v = masked(v, e.secrets)
	object := map[string]any{}
	for _, f := range e.fields(v.Type()) {
		if v.Field(f.Index[0]).IsZero() {
			continue
		}
		plain, err := e.value(v.Field(f.Index[0]))
		if err != nil {
			return nil, err
		}
		object[f.Name] = plain
	}
	return object, nil
}

func (e *encoder) list(v reflect.Value) (any, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return nil, nil
	}
	switch texts := v.Interface().(type) {
	case []string: // lines, or words of one command
		return e.secrets.MaskLines(texts), nil
	case []inspect.LogLine:
		v = reflect.ValueOf(maskedLog(texts, e.secrets))
	}
	list := make([]any, v.Len())
	for i := range list {
		plain, err := e.value(v.Index(i))
		if err != nil {
			return nil, err
		}
		list[i] = plain
	}
	return list, nil
}

// pairs writes a map as a list of keys and values, in the order of the keys as they are written. Of keys
// that are the same without their credentials the first stays.
func (e *encoder) pairs(v reflect.Value) (any, error) {
	if v.IsNil() {
		return nil, nil
	}
	type pair struct {
		was   string
		key   json.RawMessage
		value reflect.Value
	}
	var all []pair
	for _, k := range v.MapKeys() {
		plain, err := e.value(k)
		if err != nil {
			return nil, err
		}
		key, err := json.Marshal(plain)
		if err != nil {
			return nil, err
		}
		all = append(all, pair{fmt.Sprint(k), key, named(k, v.MapIndex(k), e.secrets)})
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(a.was, b.was)) })
	all = slices.CompactFunc(all, func(a, b pair) bool { return bytes.Equal(a.key, b.key) })
	written := make([][2]any, len(all))
	for i, p := range all {
		plain, err := e.value(p.value)
		if err != nil {
			return nil, err
		}
		written[i] = [2]any{p.key, plain}
	}
	return written, nil
}

// decoder reads one graph, from its root down. The type of an object is that of the pointers to it.
type decoder struct {
	types
	objects []json.RawMessage
	made    []reflect.Value // pointers to the objects, once something refers to them
	depth   []int           // of the objects
	at      int             // the object that is being read
	room    int             // bytes that may yet be taken
}

// maxMemory bounds what the objects of a record take: a few bytes of JSON can stand for hundreds.
const maxMemory = 1 << 30

// decode reads objects into what a pointer leads to.
func decode(objects []json.RawMessage, root any) error {
	d := &decoder{types: types{}, objects: objects, made: make([]reflect.Value, len(objects)), depth: make([]int, len(objects)), room: maxMemory}
	if len(objects) == 0 {
		return errors.New("it is empty")
	}
	d.made[len(objects)-1] = reflect.ValueOf(root)
	for d.at = len(objects) - 1; d.at >= 0; d.at-- {
		if !d.made[d.at].IsValid() {
			return fmt.Errorf("nothing refers to object %d", d.at)
		}
		if d.depth[d.at] > maxDepth {
			return fmt.Errorf("object %d lies too deep", d.at)
		}
		if err := d.value(objects[d.at], d.made[d.at].Elem()); err != nil {
			return fmt.Errorf("object %d: %w", d.at, err)
		}
	}
	return nil
}

func (d *decoder) value(text json.RawMessage, to reflect.Value) error {
	t := to.Type()
	if d.room -= int(t.Size()) + len(text); d.room < 0 {
		return errors.New("there is too much in it")
	}
	if t == bytesType {
		var s string
		err := json.Unmarshal(text, &s)
		to.SetBytes([]byte(s))
		return err
	}
	switch {
	case isText(t):
		return json.Unmarshal(text, to.Addr().Interface())
	case t.Kind() == reflect.Pointer:
		return d.pointer(text, to)
	case t.Kind() == reflect.Struct:
		return d.object(text, to)
	case t.Kind() == reflect.Slice:
		return d.list(text, to)
	case t.Kind() == reflect.Map:
		return d.pairs(text, to)
	}
	return json.Unmarshal(text, to.Addr().Interface())
}

// pointer follows a reference to an object that comes earlier, so that nothing leads back to itself.
func (d *decoder) pointer(text json.RawMessage, to reflect.Value) error {
	if string(text) == "null" {
		return nil
	}
	var id int
	if err := json.Unmarshal(text, &id); err != nil {
		return err
	}
	if id < 0 || id >= d.at {
		return fmt.Errorf("it refers to object %d", id)
	}
	d.depth[id] = max(d.depth[id], d.depth[d.at]+1)
	if !d.made[id].IsValid() {
		d.made[id] = reflect.New(to.Type().Elem())
	}
	if d.made[id].Type() != to.Type() {
		return fmt.Errorf("object %d is referred to as a %s and as a %s", id, d.made[id].Type().Elem(), to.Type().Elem())
	}
	to.Set(d.made[id])
	return nil
}

func (d *decoder) object(text json.RawMessage, to reflect.Value) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	known := d.fields(to.Type())
	for _, name := range slices.Sorted(maps.Keys(members)) { // so that of several faults it is always the same that is told
		i := slices.IndexFunc(known, func(f reflect.StructField) bool { return f.Name == name })
		if i < 0 { // a rule of another version may rest on it
			return fmt.Errorf("%.50q is not known to this version", name)
		}
		if err := d.value(members[name], to.FieldByIndex(known[i].Index)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (d *decoder) list(text json.RawMessage, to reflect.Value) error {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil || items == nil {
		return err
	}
	if d.room -= len(items) * int(to.Type().Elem().Size()); d.room < 0 {
		return errors.New("there is too much in it")
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		if err := d.value(item, to.Index(i)); err != nil {
			return err
		}
		if to.Index(i).Kind() == reflect.Pointer && to.Index(i).IsNil() {
			return errors.New("there is nothing where something is listed")
		}
	}
	return nil
}

func (d *decoder) pairs(text json.RawMessage, to reflect.Value) error {
	var items [][2]json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil || items == nil {
		return err
	}
	t := to.Type()
	to.Set(reflect.MakeMap(t))
	for _, item := range items {
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := errors.Join(d.value(item[0], key), d.value(item[1], value)); err != nil {
			return err
		}
		to.SetMapIndex(key, value)
	}
	return nil
}
