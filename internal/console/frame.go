package console

import (
	"bytes"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"chaperone/internal/access"
)

// frame is what the frame shows around a page.
type frame struct {
	Title        string
	Organisation string
	Style        string
	Script       string // of the pages to sign in
	You          access.Caller
	Groups       []group
	Clock        *clockView // where it is not vouched for
	Said         string     // what was just done to it
	Body         template.HTML
}

// group is a part of the navigation.
type group struct {
	Title string
	Links []link
}

type link struct {
	Text, Path string
	Waits      int
	Current    bool
}

// Frame puts a page into the console's frame and sends it. The body is HTML
// that its maker has escaped.
func (c *Console) Frame(w http.ResponseWriter, r *http.Request, title string, body template.HTML) {
	c.send(w, r, http.StatusOK, title, body)
}

func (c *Console) send(w http.ResponseWriter, r *http.Request, status int, title string, body template.HTML) {
	var out bytes.Buffer
	f := frame{Title: title, Organisation: c.o.Organisation, Style: stylePath(), Groups: c.navigation(r), Clock: c.clock(r), Body: body}
	if r.URL.Query().Get("said") == "clock" {
		f.Said = saids("clock")
	}
	f.You = c.who(r)
	if c.o.Door != nil {
		f.Script = assetPath("signin.js")
	}
	if err := c.pages.ExecuteTemplate(&out, "frame.html", f); err != nil {
		c.o.Log.Error("a page could not be made", "page", r.Pattern, "err", err)
		http.Error(w, "This page cannot be shown now. What is stored is safe.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes()) // the reader has gone: nobody is left to tell
	}
}

// page renders one of the console's own pages.
func (c *Console) page(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	var body bytes.Buffer
	if err := c.pages.ExecuteTemplate(&body, name, data); err != nil {
		c.o.Log.Error("a page could not be made", "page", r.Pattern, "err", err)
		http.Error(w, "This page cannot be shown now. What is stored is safe.", http.StatusInternalServerError)
		return
	}
	c.send(w, r, status, title, template.HTML(body.String())) //nolint:gosec // our own template escaped it
}

// fail shows an error page: what happened, what is safe, what to do.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, title, what string) {
	c.page(w, r, status, "error.html", title, struct{ Title, What string }{title, what})
}

// navigation lists the pages that exist, and what waits on them.
func (c *Console) navigation(r *http.Request) []group {
	if !c.who(r).May(access.See) {
		return nil
	}
	aside := 0
	if list, err := c.o.Store.SetAside(r.Context(), most); err == nil { // its own page tells when it cannot be read
		aside = len(list)
	}
	every := group{Title: "Every day", Links: []link{{Text: "Today", Path: "/today"}}}
	if c.o.Practice != "" {
		every.Links = append(every.Links, link{Text: "Practice chat", Path: c.o.Practice})
	}
	waits := c.waits(r)
	groups := []group{
		every,
		{Title: "Keep and dispose", Links: []link{
			{Text: "Records", Path: "/records"}, {Text: "Holds", Path: "/holds", Waits: waits.holds}, {Text: "Disposals", Path: "/disposals", Waits: waits.runs},
		}},
		{Title: "People and proof", Links: []link{{Text: "People and leavers", Path: "/people"}, {Text: "Breaches", Path: "/breaches", Waits: waits.breaches}, {Text: "Set aside", Path: "/set-aside", Waits: aside}, {Text: "Gaps", Path: "/gaps"}, {Text: "Policies", Path: "/policies"}, {Text: "Quality", Path: "/quality"}, {Text: "Achieved", Path: "/measures"}, {Text: "Demand", Path: "/demand"}, {Text: "Proof", Path: "/proof"}, {Text: "Chats", Path: "/chats"}, {Text: "Assurance pack", Path: "/assurance"}}},
	}
	if c.who(r).May(access.Configure) {
		groups = append(groups, group{Title: "Set up", Links: []link{{Text: "Link WhatsApp", Path: "/link"}}})
	}
	for _, g := range groups {
		for i, l := range g.Links {
			g.Links[i].Current = strings.HasPrefix(r.URL.Path+"/", strings.TrimSuffix(l.Path, "/")+"/")
		}
	}
	return groups
}

// number writes a count as people read it: 12,400.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
