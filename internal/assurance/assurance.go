// Package assurance writes what an organisation shows to those who ask whether
// the bot is used lawfully and fairly: a privacy notice, the draft of a data
// protection impact assessment, a record of processing, a page each for
// colleagues and for a union, and what can be seen on each platform.
//
// It is pure: it writes what the facts of a configuration say, and names what
// they leave out instead of leaving a blank. It must not read a configuration,
// a store or a clock, and never gives legal advice as if it were settled: a
// person checks each page before it is used.
package assurance

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Facts is what a configuration says, as far as the pages need it.
type Facts struct {
	Organisation string
	Ask          string // whom to ask, and how
	Guidance     string // address of the organisation's policy
	SpeakUp      string // how to report wrongdoing past a line manager
	Records      string // where captures are filed
	Database     string // in words: where rows are kept
	Console      string // its address; empty: on the machine alone
	SignIn       bool
	Directory    bool // a staff directory is read
	Languages    []string
	Policies     []Policy
	Schedules    []Schedule
	Own          []Own
	Chats        []Chat
	Platforms    []Platform
}

// Policy is an adopted pack.
type Policy struct{ Title, Version string }

// Schedule is how long messages stay in chats.
type Schedule struct{ Title, Period, Disposal, Owner, Authority, Where string }

// Own is how long the product's own data stay.
type Own struct{ Says, Period string }

// Chat is one chat and its settings.
type Chat struct {
	ID, Kind, Mode, Assessment, Answers, People, Records string
	Administrators                                       []string
	Union                                                bool
	Abroad                                               int // members whose numbers are not British
}

// Platform is what the bot sees on one platform, and what it does not.
type Platform struct {
	Name        string
	Sees, Blind []string
	Does, Not   []string
	Kept        string // where the platform keeps messages
}

// Document is one page of the pack.
type Document struct {
	Name  string // of its file, without an ending
	Title string
	For   string // who it is for
	Body  template.HTML
}

// Pack is all pages, and what they were made from.
type Pack struct {
	Digest    string
	Made      time.Time
	Missing   []string
	Documents []Document
}

// Digest names facts: the same facts have the same digest.
func (f Facts) Digest() (string, error) {
	b, err := json.Marshal(f)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), err
}

// Missing lists what a configuration leaves out that the pages have to say.
func (f Facts) Missing() []string {
	var out []string
	need := func(ok bool, what string) {
		if !ok {
			out = append(out, what)
		}
	}
	need(f.Organisation != "", "organisation: who runs the bot")
	need(f.Ask != "", "contact: the named person who answers, day and night")
	need(f.Guidance != "", "guidance: the address of your policy on chats, which has to link to the government guidance")
	need(f.SpeakUp != "", "speak_up: how to report wrongdoing without going through a line manager")
	need(f.Records != "", "records: where captures are filed")
	need(len(f.Schedules) > 0, "retention: how long messages stay in chats; without a schedule nothing is ever disposed of")
	need(f.Directory, "directory: without a staff directory nobody is known to leave")
	need(f.SignIn, "sign_in: without it only whoever sits at the machine reaches the console")
	for _, c := range f.Chats {
		if c.Union {
			continue
		}
		need(c.Assessment != "", "chats, "+c.ID+", assessment: the reference of the impact assessment")
		need(len(c.Administrators) >= 2, "chats, "+c.ID+", administrators: two named officers")
		need(c.Answers != "" || f.Ask != "", "chats, "+c.ID+", answers: who answers for this chat")
	}
	return out
}

//go:embed pages/*.html
var files embed.FS

// page is what a template is given.
type page struct {
	Facts
	Made    time.Time
	Digest  string
	Missing []string
}

// Gap says what stands where the configuration says nothing.
func (page) Gap(value, setting string) template.HTML {
	if value != "" {
		return template.HTML(template.HTMLEscapeString(value)) //nolint:gosec // escaped here
	}
	return template.HTML(`<mark>missing in the configuration: ` + template.HTMLEscapeString(setting) + `</mark>`) //nolint:gosec // escaped here
}

// Count is how many chats of a mode there are.
func (p page) Count(mode string) int {
	n := 0
	for _, c := range p.Chats {
		if c.Mode == mode && !c.Union {
			n++
		}
	}
	return n
}

// Make writes the pack.
func Make(f Facts, now time.Time) (Pack, error) {
	digest, err := f.Digest()
	if err != nil {
		return Pack{}, err
	}
	t, err := template.New("").Funcs(template.FuncMap{"joined": func(all []string) string { return strings.Join(all, ", ") }}).ParseFS(files, "pages/*.html")
	if err != nil {
		return Pack{}, err
	}
	p := page{Facts: f, Made: now, Digest: digest, Missing: f.Missing()}
	out := Pack{Digest: digest, Made: now, Missing: p.Missing}
	for _, d := range []Document{
		{Name: "privacy-notice", Title: "Privacy notice", For: "Everyone in a chat that the bot reads"},
		{Name: "impact-assessment", Title: "Data protection impact assessment: draft", For: "Your data protection officer"},
		{Name: "record-of-processing", Title: "Record of processing", For: "Information governance"},
		{Name: "colleagues", Title: "What the bot does: for colleagues", For: "Staff, on one page"},
		{Name: "union", Title: "What the bot does: for a trade union", For: "Union representatives, on one page"},
		{Name: "platforms", Title: "What the bot can and cannot see", For: "Anyone who asks"},
	} {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, d.Name+".html", p); err != nil {
			return Pack{}, fmt.Errorf("assurance: %s: %w", d.Name, err)
		}
		d.Body = template.HTML(b.String()) //nolint:gosec // our own template escaped it
		out.Documents = append(out.Documents, d)
	}
	return out, nil
}

// File is a page as a file of its own, which prints well.
func (p Pack) File(d Document) ([]byte, error) {
	t, err := template.ParseFS(files, "pages/file.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, "file.html", struct {
		Pack
		Document
	}{p, d})
	return b.Bytes(), err
}
