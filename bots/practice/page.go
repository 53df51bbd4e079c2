package practice

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"chaperone/internal/chat"
)

//go:embed assets
var assets embed.FS

//go:embed pages
var pageFiles embed.FS

// scriptHeader is on every request of the page's own script: it wants the part
// of the page that is ours, or a short answer, and no frame around it.
const scriptHeader = "Practice-Script"

// maxForm is the largest form that a page sends, in bytes: a message whose
// every byte is escaped.
const maxForm = maxBody

// pages serves the rooms as live pages under /practice/. Everything a page
// changes goes the way of the contract.
func (p *Platform) pages() http.Handler {
	s := &pages{p: p, templates: template.Must(template.ParseFS(pageFiles, "pages/*.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /practice/{$}", s.first)
	mux.HandleFunc("GET /practice/rooms", s.list)
	mux.HandleFunc("GET /practice/rooms/{room}", s.room)
	mux.HandleFunc("GET /practice/rooms/{room}/stream", p.stream)
	mux.HandleFunc("GET /practice/rooms/{room}/messages/{id}", s.whole)
	mux.HandleFunc("POST /practice/rooms/{room}/say", s.doing(func(r *http.Request, room string, you chat.MemberID) error {
		_, err := p.Say(room, you, text(r), "")
		return err
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/messages/{id}/edit", s.doing(func(r *http.Request, room string, you chat.MemberID) error {
		return p.Edit(room, chat.MessageID(r.PathValue("id")), you, text(r))
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/messages/{id}/delete", s.doing(func(r *http.Request, room string, you chat.MemberID) error {
		return p.Unsay(room, chat.MessageID(r.PathValue("id")), you)
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/messages/{id}/react", s.doing(func(r *http.Request, room string, you chat.MemberID) error {
		return p.React(room, chat.MessageID(r.PathValue("id")), you, r.PostForm.Get("reaction"))
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/prompts/{id}/answer", s.doing(func(r *http.Request, _ string, you chat.MemberID) error {
		return p.Answer(you, r.PathValue("id"), r.PostForm.Get("answer"), text(r))
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/prompts/{id}/steps/{step}", s.doing(func(r *http.Request, _ string, you chat.MemberID) error {
		return p.Tick(you, r.PathValue("id"), r.PathValue("step"), r.PostForm.Get("done") == "true")
	}))
	mux.HandleFunc("POST /practice/rooms/{room}/private", s.doing(func(r *http.Request, _ string, you chat.MemberID) error {
		_, err := p.Speak(r.Context(), you, text(r))
		return err
	}))
	mux.HandleFunc("POST /practice/rooms", s.make)
	mux.HandleFunc("POST /practice/clock", s.clock)
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	mux.Handle("GET /practice/assets/", http.StripPrefix("/practice/assets/", static(http.FileServerFS(files), p.epoch)))
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, maxForm))
}

// static lets browsers keep a file for as long as this run lasts.
func static(files http.Handler, epoch string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+epoch+`"`)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		files.ServeHTTP(w, r)
	})
}

// text is what somebody wrote in a form, with the line ends of a chat.
func text(r *http.Request) string {
	return strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
}

// pages is the platform as people see it.
type pages struct {
	p         *Platform
	templates *template.Template
}

func (s *pages) first(w http.ResponseWriter, r *http.Request) {
	if all := s.p.roomsNow(); len(all) > 0 {
		http.Redirect(w, r, roomPath(all[0].ID, ""), http.StatusSeeOther)
		return
	}
	s.list(w, r)
}

func (s *pages) list(w http.ResponseWriter, r *http.Request) {
	var rows []roomView
	for _, in := range s.p.roomsNow() {
		rows = append(rows, seenRoom(in, ""))
	}
	s.show(w, r, http.StatusOK, "Practice chats", "rooms", rows)
}

func (s *pages) room(w http.ResponseWriter, r *http.Request) {
	s.showRoom(w, r, chat.MemberID(r.URL.Query().Get("you")), nil, "")
}

// showRoom shows a room, and why something was not done.
func (s *pages) showRoom(w http.ResponseWriter, r *http.Request, you chat.MemberID, failed error, draft string) {
	v, err := s.p.roomPage(r, you)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	code := http.StatusOK
	if failed != nil {
		code, v.Error, v.Draft = status(failed), plain(failed), draft
	}
	s.show(w, r, code, v.Room.Name+", practice chat", "room", v)
}

// plain is an error as a person reads it.
func plain(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, ErrFull):
		return "The practice chat’s file cannot grow: its disk is full. Nothing was changed. Make room and try again."
	case errors.Is(err, errOver):
		return "This question is closed already. Nothing was changed."
	case errors.Is(err, errTaken):
		return "You did that already."
	case errors.Is(err, errUnknown):
		return "It is not there any more. Nothing was changed."
	}
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// doing is a form's way: do it as the member, then back to the room.
func (s *pages) doing(do func(r *http.Request, room string, you chat.MemberID) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		if err != nil && !errors.As(err, new(*http.MaxBytesError)) {
			err = fmt.Errorf("%w: the form cannot be read", errInvalid)
		}
		room, you := r.PathValue("room"), chat.MemberID(r.PostForm.Get("you"))
		if err == nil {
			err = do(r, room, you)
		}
		if r.Header.Get(scriptHeader) != "" {
			s.brief(w, err)
			return
		}
		if err != nil {
			s.showRoom(w, r, you, err, r.PostForm.Get("text"))
			return
		}
		http.Redirect(w, r, roomPath(room, you)+"#say", http.StatusSeeOther)
	}
}

// brief answers the page's script.
func (s *pages) brief(w http.ResponseWriter, err error) {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, status(err), map[string]string{"error": plain(err)}, nil)
}

func (s *pages) clock(w http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	if err == nil {
		err = s.p.Advance(r.Context(), r.PostForm.Get("advance"))
	}
	if r.Header.Get(scriptHeader) != "" {
		s.brief(w, err)
		return
	}
	back := r.PostForm.Get("back")
	if u, bad := url.Parse(back); bad != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/practice/rooms/") {
		back = "/practice/"
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// whole gives a long message alone, as plain text.
func (s *pages) whole(w http.ResponseWriter, r *http.Request) {
	p := s.p
	p.mu.RLock()
	var m message
	if room := p.rooms[r.PathValue("room")]; room != nil {
		if found := room.find(chat.MessageID(r.PathValue("id"))); found != nil {
			m = *found
		}
	}
	p.mu.RUnlock()
	if m.text.size == 0 {
		s.fail(w, r, errUnknown)
		return
	}
	b, err := p.file.read(m.text)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.Write([]byte(unquote(b))) // the reader has gone: nobody is left to tell
}

// fail shows a page that says why there is nothing else.
func (s *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := status(err)
	if code == http.StatusInternalServerError {
		s.p.o.Log.Error("a practice page cannot be shown", "err", err)
	}
	s.show(w, r, code, "Not shown", "fail", plain(err))
}

// show renders a page whole before anything of it is sent.
func (s *pages) show(w http.ResponseWriter, r *http.Request, code int, title, name string, v any) {
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, v); err != nil {
		s.p.o.Log.Error("a practice page cannot be made", "err", err)
		http.Error(w, "this page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", scriptHeader)
	if r.Header.Get(scriptHeader) != "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		_, _ = w.Write(b.Bytes()) // the reader has gone: nobody is left to tell
		return
	}
	frame := s.p.o.Frame
	if frame == nil {
		frame = bareFrame
	}
	frame(&coded{ResponseWriter: w, code: code}, r, title, template.HTML(b.String())) //nolint:gosec // made by html/template
}

// coded gives a page its status with the first thing that is written.
type coded struct {
	http.ResponseWriter
	code int
}

func (c *coded) Write(b []byte) (int, error) {
	if c.code != 0 {
		c.ResponseWriter.WriteHeader(c.code)
		c.code = 0
	}
	return c.ResponseWriter.Write(b)
}

// WriteHeader keeps the page's own status when the frame says that all is well.
func (c *coded) WriteHeader(code int) {
	if c.code != 0 && code == http.StatusOK {
		code = c.code
	}
	c.code = 0
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (c *coded) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// bareFrame serves where there is no console.
func bareFrame(w http.ResponseWriter, _ *http.Request, title string, body template.HTML) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "same-origin")
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>%s · Chaperone</title></head><body><main id="main" tabindex="-1">%s</main></body></html>`,
		template.HTMLEscapeString(title), body)
}

// roomPath is a room's page, as one of its members sees it.
func roomPath(room string, you chat.MemberID) string {
	path := "/practice/rooms/" + url.PathEscape(room)
	if you != "" {
		path += "?you=" + url.QueryEscape(string(you))
	}
	return path
}
