package console

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// largestForm is how many bytes of a form are read.
const largestForm = 1 << 20

// form is what somebody filled in, and what is wrong with it. What was typed
// stays.
type form struct {
	Values url.Values
	Faults []fault // in the order of the fields
}

// fault is what is wrong with one field, and what to do; with no field, with
// the whole.
type fault struct{ Field, Says string }

// filled reads a form that was sent.
func filled(w http.ResponseWriter, r *http.Request) (form, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, largestForm)
	if err := r.ParseForm(); err != nil {
		return form{Faults: []fault{{"", "The form could not be read. Send it again; nothing was changed."}}}, false
	}
	return form{Values: r.PostForm}, true
}

// Get is what was typed into a field, without what surrounds it.
func (f form) Get(field string) string { return strings.TrimSpace(f.Values.Get(field)) }

// Value is what was typed into a field, as it was.
func (f form) Value(field string) string { return f.Values.Get(field) }

// Has reports whether a box of a field is ticked.
func (f form) Has(field, value string) bool {
	for _, v := range f.Values[field] {
		if v == value {
			return true
		}
	}
	return false
}

// lines gives the lines of a field that are not empty.
func (f form) lines(field string) []string {
	var out []string
	for _, l := range strings.FieldsFunc(f.Values.Get(field), func(r rune) bool { return r == '\n' || r == ',' }) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// need notes a fault unless something is so.
func (f *form) need(ok bool, field, says string) {
	if !ok {
		f.Faults = append(f.Faults, fault{field, says})
	}
}

// Fault is the fault of a field, if it has one.
func (f form) Fault(field string) *fault {
	for i := range f.Faults {
		if f.Faults[i].Field == field {
			return &f.Faults[i]
		}
	}
	return nil
}

// Described is what ties a field to its hint and its fault.
func (f form) Described(field string, hint bool) template.HTMLAttr {
	var by []string
	out := ""
	if f.Fault(field) != nil {
		by, out = append(by, field+"-fault"), ` aria-invalid="true"`
	}
	if hint {
		by = append(by, field+"-hint")
	}
	if len(by) > 0 {
		out += ` aria-describedby="` + strings.Join(by, " ") + `"`
	}
	return template.HTMLAttr(out) //nolint:gosec // field names are ours
}
