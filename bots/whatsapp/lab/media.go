package lab

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Media is encrypted by clients before it comes here, and named by its hash.
const (
	mediaHost = "mmg.whatsapp.net" // clients of a lab reach the lab under every name
	mediaAuth = "lab"
	mostMedia = 64 << 20
)

func (l *Lab) upload(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostMedia))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	sum := sha256.Sum256(b)
	name := base64.RawURLEncoding.EncodeToString(sum[:])
	token, _ := url.QueryUnescape(r.URL.Query().Get("token")) // some clients escape it twice
	if strings.TrimRight(token, "=") != name || r.URL.Query().Get("auth") != mediaAuth {
		http.Error(w, "the token is not the hash of what was sent", http.StatusForbidden)
		return
	}
	l.mu.Lock()
	l.media[name] = b
	l.mu.Unlock()
	path := "/d/" + name + "?oe=1"
	_ = json.NewEncoder(w).Encode(map[string]string{"url": "https://" + mediaHost + path, "direct_path": path}) // the client is gone
}

func (l *Lab) download(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	b, ok := l.media[strings.TrimPrefix(r.URL.Path, "/d/")]
	l.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(b)
}

// ForgetMedia lets all media be gone, as media is that is old.
func (l *Lab) ForgetMedia() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.media)
}
