// Package console is the web console: the frame that every page stands in, and
// the pages about today, records and what could not be read.
//
// Everything that it serves stands in one table (Routes), with the right that
// each needs. It reads through the small interfaces below, shows what it reads,
// and changes things by the calls that commands make too. It must not decide,
// know a platform, or count people; and where nobody has to sign in it never
// answers a request that was not made to this very machine.
package console

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/engine"
	"chaperone/internal/record"
	"chaperone/internal/store"
)

// Store is what the console reads of the store.
type Store interface {
	Records(ctx context.Context, limit int) ([]store.Filed, error)
	Record(ctx context.Context, id string) (store.Filed, error)
	SetAside(ctx context.Context, limit int) ([]store.Aside, error)
	Waits(ctx context.Context) (open, escalated int, err error)
}

// Path is what the console asks of the path: how it is.
type Path interface {
	Troubles() map[string]string
	Counts() engine.Counts
}

// Calls carries out what pages ask for: the same named calls as the command
// line's. It refuses whoever has not the right, and keeps their name.
type Calls interface {
	Do(ctx context.Context, who access.Caller, call string, args any) (json.RawMessage, error)
}

// Options is what a console is made of.
type Options struct {
	Door         *Door         // lets people in; nil where nobody has to sign in
	Anyone       access.Caller // who everybody is there
	Calls        Calls
	Also         []Route // what others serve behind the same doors
	Organisation string
	Ask          string // the named person who answers, and how to reach them
	Practice     string // address path of the practice chat; empty where there is none
	Home         string // where "/" leads; empty is the page of today
	Store        Store
	Records      record.Opener
	Export       func(ctx context.Context, by string, w io.Writer) error // writes the whole audit log
	Path         Path
	Zone         *time.Location
	Now          func() time.Time
	Log          *slog.Logger
}

// Console serves the pages.
type Console struct {
	o     Options
	pages *template.Template
}

//go:embed templates/*.html
var templates embed.FS

// New makes a console.
func New(o Options) *Console {
	c := &Console{o: o}
	c.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"when": func(t time.Time) string { return t.In(o.Zone).Format("Monday 2 January 2006, 15:04") },
		"at":   func(t time.Time) string { return t.In(o.Zone).Format("2 Jan 2006, 15:04") },
		"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"n":    number,
		"key":  base64.RawURLEncoding.EncodeToString,

		"minutes": func(d time.Duration) int { return int(d.Minutes()) },
		"hours":   func(d time.Duration) int { return int(d.Hours()) },
	}).Funcs(wording(o.Zone)).ParseFS(templates, "templates/*.html"))
	return c
}

func (c *Console) home(w http.ResponseWriter, r *http.Request) {
	to := c.o.Home
	if to == "" {
		to = "/today"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (c *Console) missing(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.fail(w, r, http.StatusMethodNotAllowed, "Nothing was changed", "This page can only be read.")
		return
	}
	c.fail(w, r, http.StatusNotFound, "There is no such page", "The address may be mistyped, or the page may have moved. Nothing was changed.")
}

// broken tells that something could not be read, and logs why.
func (c *Console) broken(w http.ResponseWriter, r *http.Request, err error) {
	c.o.Log.Error("a page could not be made", "page", r.Pattern, "err", err)
	c.fail(w, r, http.StatusInternalServerError, "This page cannot be shown now",
		"What is stored is safe. Load the page again; if that does not help, look at the log and run chaperone doctor.")
}
