package lab

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
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

// ForgetMedia lets all media be gone from the server, as media is that is old.
// The phones that posted it have it still.
func (l *Lab) ForgetMedia() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phones == nil {
		l.phones = map[string][]byte{}
	}
	maps.Copy(l.phones, l.media)
	clear(l.media)
}

// shared is a document that somebody posted: what their phone needs to bring it
// to the server once more.
type shared struct {
	name string // of the encrypted file
	key  []byte
}

// again plays the phone of the account that a device is linked to: it is asked
// for a document that the server has no longer. The caller holds the lock.
func (l *Lab) again(c *conn, n *binary.Node) {
	id := text(n, "id")
	children := []binary.Node{node("error", binary.Attrs{"code": 2})} // it is not there either
	if s, ok := l.shared[id]; ok && l.phones[s.name] != nil {
		path := "/d/" + s.name + "?oe=2"
		result := waMmsRetry.MediaRetryNotification_SUCCESS
		plain, err := proto.Marshal(&waMmsRetry.MediaRetryNotification{StanzaID: &id, DirectPath: &path, Result: &result})
		if err != nil {
			return
		}
		iv := make([]byte, 12)
		_, _ = rand.Read(iv) // it does not fail
		sealed, err := gcmutil.Encrypt(hkdfutil.SHA256(s.key, nil, []byte("WhatsApp Media Retry Notification"), 32), iv, plain, []byte(id))
		if err != nil {
			return
		}
		l.media[s.name] = l.phones[s.name]
		children = []binary.Node{node("encrypt", nil, node("enc_p", nil), node("enc_iv", nil))}
		parts := children[0].GetChildren()
		parts[0].Content, parts[1].Content = sealed, iv
	}
	if rmr, ok := n.GetOptionalChildByTag("rmr"); ok {
		children = append(children, rmr)
	}
	l.deliver(c.device, node("notification", binary.Attrs{"type": "mediaretry", "id": id, "t": now(), "from": jid(n, "to")}, children...))
}
