package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"chaperone/internal/engine"
	"chaperone/internal/record"
	"chaperone/internal/store"
)

// most is how many rows a list shows.
const most = 200

// item is one thing that wants somebody.
type item struct {
	Mark, Kind, Title, Fact string
	Button, Path            string
	Owner, Due              string
	First                   bool // of those that want somebody
}

type todayPage struct {
	Now     time.Time
	Counts  engine.Counts
	Open    int
	Items   []item
	Soon    []item        // what has a date by which somebody looks at it
	Days    []calendarDay // what will be disposed of; none where nothing ever is
	Clear   []item        // looked at, and well
	Ask     string
	Healthy bool
}

func (c *Console) today(w http.ResponseWriter, r *http.Request) {
	p := todayPage{Now: c.o.Now(), Counts: c.o.Path.Counts(), Ask: c.o.Ask}
	open, escalated, err := c.o.Store.Waits(r.Context())
	if err != nil {
		c.broken(w, r, err)
		return
	}
	aside, err := c.o.Store.SetAside(r.Context(), most)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	filed, err := c.o.Store.Records(r.Context(), most)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	p.Open = open
	troubles := c.o.Path.Troubles()
	p.Healthy = len(troubles) == 0
	p.troubles(troubles)
	waiting := 0
	for _, f := range filed {
		if f.Receipt.Where == "" {
			waiting++
		}
	}
	p.look(waiting, item{Mark: "caution", Kind: "Not filed", Title: count(waiting, "record waits", "records wait") + " to be filed",
		Fact: "They are sealed here and safe. Filing is tried again by itself.", Button: "Open the records", Path: "/records"}, "Records", "all filed")
	p.look(len(aside), item{Mark: "caution", Kind: "Set aside", Title: count(len(aside), "message", "messages") + " could not be read",
		Fact: "Their chats go on. Nobody was asked about these messages.", Button: "Open the list", Path: "/set-aside"}, "Set aside", "nothing")
	p.look(escalated, item{Mark: "caution", Kind: "No answer", Title: count(escalated, "prompt has", "prompts have") + " had no answer",
		Fact: "Each was asked again once. The person who answers for the chat should know.", Button: "", Path: ""}, "Prompts", "none past its last reminder")
	if err := p.disposal(c, r); err != nil {
		c.broken(w, r, err)
		return
	}
	if len(p.Items) > 0 {
		p.Items[0].First = true
	} else if len(p.Soon) > 0 {
		p.Soon[0].First = true
	}
	c.page(w, r, http.StatusOK, "today.html", "Today", p)
}

func (p *todayPage) troubles(all map[string]string) {
	parts := make([]string, 0, len(all))
	for part := range all {
		parts = append(parts, part)
	}
	slices.Sort(parts)
	for _, part := range parts {
		it := item{Mark: "serious", Kind: "Not working", Title: partName(part), Fact: capital(all[part]) + "."}
		if part == "clock" {
			it.Button, it.Path = "Look at the clock", "#vouch"
		}
		p.Items = append(p.Items, it)
	}
	if len(all) == 0 {
		p.Clear = append(p.Clear, item{Kind: "The path", Fact: "every part works"})
	}
}

func (p *todayPage) look(n int, it item, kind, well string) {
	if n > 0 {
		p.Items = append(p.Items, it)
		return
	}
	p.Clear = append(p.Clear, item{Kind: kind, Fact: well})
}

// partName says in words which part of the path a trouble is about.
func partName(part string) string {
	switch account, isAccount := strings.CutPrefix(part, "account "); {
	case isAccount:
		return "The connection to " + account
	case part == "store":
		return "The data folder"
	case part == "clock":
		return "Our clock"
	case part == "records":
		return "The records folder"
	default:
		return part
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "One " + one
	}
	return number(int64(n)) + " " + many
}

func (c *Console) records(w http.ResponseWriter, r *http.Request) {
	list, err := c.o.Store.Records(r.Context(), most)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "records.html", "Records", struct {
		List []store.Filed
		Full bool
	}{list, len(list) == most})
}

type recordPage struct {
	Record   record.Record
	Receipt  record.Receipt
	Now      time.Time
	Sound    bool   // every hash is as it was when the record was filed
	Problem  string // what is wrong with it, in words
	Files    []filePage
	Manifest string
}

type filePage struct {
	record.Sum
	Message *record.Message // whose text it is; nil for other files
	Text    string
}

func (c *Console) record(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	filed, err := c.o.Store.Record(r.Context(), id)
	if errors.Is(err, record.ErrNotFound) {
		c.fail(w, r, http.StatusNotFound, "There is no record of that number", "Check the number, or look for the record in the list.")
		return
	} else if err != nil {
		c.broken(w, r, err)
		return
	}
	p := recordPage{Record: filed.Record, Receipt: filed.Receipt, Now: c.o.Now()}
	if p.Receipt.Where != "" {
		p.read(c.o.Records.Open(r.Context(), id))
	}
	c.page(w, r, http.StatusOK, "record.html", "Record "+id, p)
}

// read takes in what the record system gave, and holds it against the receipt.
func (p *recordPage) read(m record.Manifest, files []record.File, err error) {
	if err == nil {
		var again []byte
		if _, again, err = record.NewManifest(m.Record, files); err == nil && record.Hash(again) != p.Receipt.Manifest {
			err = record.ErrAltered
		}
	}
	switch {
	case err == nil:
		p.Sound = true
	case errors.Is(err, record.ErrNotFound):
		p.Problem = "It is no longer where it was filed. Look for it in that folder's backups."
	case errors.Is(err, record.ErrAltered):
		p.Problem = "It is not as it was filed: a file or the manifest was changed afterwards. Compare it with that folder's backups."
	default:
		p.Problem = "It cannot be read now: " + err.Error()
	}
	byFile := map[string]*record.Message{}
	for i, msg := range m.Messages {
		byFile[msg.File] = &m.Messages[i]
	}
	for _, f := range files {
		p.Files = append(p.Files, filePage{
			Sum:     record.Sum{Name: f.Name, Bytes: len(f.Data), SHA256: record.Hash(f.Data)},
			Message: byFile[f.Name], Text: readable(f.Data),
		})
	}
	if b, err := json.MarshalIndent(m, "", "  "); err == nil && m.ID != "" {
		p.Manifest = string(b)
	}
}

// readable shows bytes as text; what is no text is marked, not dropped.
func readable(b []byte) string {
	s := strings.ToValidUTF8(string(b), string(utf8.RuneError))
	return strings.ReplaceAll(s, "\x00", "\u2400")
}

func (c *Console) setAside(w http.ResponseWriter, r *http.Request) {
	list, err := c.o.Store.SetAside(r.Context(), most)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "aside.html", "Set aside", struct {
		List []store.Aside
		Ask  string
	}{list, c.o.Ask})
}

// health answers 200 when every part works, and 503 else; with the reasons where
// nobody has to sign in, since then only this machine is answered.
func (c *Console) health(w http.ResponseWriter, r *http.Request) {
	reasons := c.o.Path.Troubles()
	if _, _, err := c.o.Store.Waits(r.Context()); err != nil {
		reasons["store"] = err.Error()
	}
	status, code := "ok", http.StatusOK
	if len(reasons) > 0 {
		status, code = "failing", http.StatusServiceUnavailable
	}
	if c.o.Door != nil {
		reasons = nil
	}
	answer(w, code, struct {
		Status  string            `json:"status"`
		Reasons map[string]string `json:"reasons,omitempty"`
	}{status, reasons})
}
