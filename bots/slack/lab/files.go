package lab

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hosted is a file that somebody posted. The workspace holds it.
type Hosted struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
	Link string `json:"link,omitempty"` // where it is said to be; empty is the workspace's own host
}

// Post posts files as a person, with what is in them, and gives the timestamp.
func (l *Lab) Post(channel, user, text string, files ...Hosted) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if l.hosted == nil {
		l.hosted = map[string]Hosted{}
	}
	at := l.stamp()
	for i, f := range files {
		l.hosted[fileID(at, i)] = f
	}
	return l.speak(channel, user, text, "", names, at)
}

// DropFile deletes one file of a message, as its owner can.
func (l *Lab) DropFile(channel, ts string, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, m, err := l.place(channel, ts)
	if err != nil {
		return err
	}
	if m == nil || n < 0 || n >= len(m.Files) {
		return fmt.Errorf("there is no such file")
	}
	old := l.show(c, m, false)
	m.Files = slices.Clone(m.Files)
	m.Files[n] = ""
	delete(l.hosted, fileID(ts, n))
	l.changed(c, m, old)
	return nil
}

func fileID(ts string, n int) string {
	return fmt.Sprintf("F%s%d", strings.ReplaceAll(ts, ".", ""), n)
}

// showFiles is how messages tell of their files. The caller holds the lock.
func (l *Lab) showFiles(m *Message) []answer {
	list := []answer{}
	for i, name := range m.Files {
		id := fileID(m.TS, i)
		if name == "" {
			list = append(list, answer{"id": id, "mode": "tombstone"})
			continue
		}
		h := l.hosted[id] // one that is only named is said to be there, and is not
		at := h.Link
		if at == "" {
			at = "http://" + l.host
		}
		at += "/files-pri/" + l.team + "-" + id
		list = append(list, answer{
			"id": id, "name": name, "title": name, "mode": "hosted", "mimetype": media(name), "size": len(h.Data),
			"url_private": at + "/" + name, "url_private_download": at + "/download/" + name,
		})
	}
	return list
}

func media(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// file gives out a file to a token that may read files and whose user is in the
// channel. Anybody else is sent to the page for signing in.
func (l *Lab) file(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := l.tokens[bearer]
	_, id, _ := strings.Cut(r.PathValue("file"), "-")
	h, there := l.hosted[id]
	c := Call{At: time.Now(), Method: "files-pri", Args: map[string]string{"file": id}, Status: http.StatusOK}
	if t != nil {
		c.Token, c.User = t.Kind, t.User
	}
	defer func() { l.calls = append(l.calls, c) }()
	if f := l.fault("files-pri"); f != nil {
		if c.Status = f.Status; f.After > 0 {
			c.Status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", strconv.Itoa(f.After))
		}
		w.WriteHeader(c.Status)
		return
	}
	switch {
	case t == nil || t.Revoked || !slices.Contains(t.Scopes, "files:read") || !l.sees(t.User, id):
		c.Status = http.StatusFound
		w.Header().Set("Location", "http://"+r.Host+"/?redir="+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	case !there:
		c.Status = http.StatusNotFound
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", media(h.Name))
		_, _ = w.Write(h.Data) // a client that went away
	}
}

// sees reports whether a user is in the channel in which a file was posted. The
// caller holds the lock.
func (l *Lab) sees(user, id string) bool {
	for _, c := range l.channels {
		for _, m := range c.messages {
			for i := range m.Files {
				if fileID(m.TS, i) == id {
					return c.has(user)
				}
			}
		}
	}
	return true // it is nowhere, which is told otherwise
}
