package whatsapp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// ref is what a document is fetched by. The key opens it for whoever has it.
type ref struct {
	Path      string
	Key       []byte
	Encrypted []byte // hash of the file as the server has it
	Plain     []byte // and as its sender had it
	Sender    string
}

// files are the files of a message. Of pictures, sound and films it is only told
// that they are there: nothing fetches them.
func files(m *waE2E.Message, sender types.JID) []chat.File {
	var out []chat.File
	if d := m.GetDocumentMessage(); d != nil {
		f := chat.File{ID: hex.EncodeToString(d.GetFileSHA256()), Name: d.GetFileName(), Type: d.GetMimetype(), Size: size(d.GetFileLength())}
		b, err := json.Marshal(ref{d.GetDirectPath(), d.GetMediaKey(), d.GetFileEncSHA256(), d.GetFileSHA256(), sender.ToNonAD().String()})
		if err == nil {
			f.Ref = string(b)
		}
		out = append(out, f)
	}
	for _, x := range []interface {
		GetMimetype() string
		GetFileSHA256() []byte
		GetFileLength() uint64
	}{m.GetImageMessage(), m.GetVideoMessage(), m.GetPtvMessage(), m.GetAudioMessage()} {
		if len(x.GetFileSHA256()) > 0 {
			out = append(out, chat.File{ID: hex.EncodeToString(x.GetFileSHA256()), Type: x.GetMimetype(), Size: size(x.GetFileLength())})
		}
	}
	return out
}

// size is what a sender says of the size; nonsense is not known.
func size(n uint64) int64 {
	if n > 1<<40 {
		return 1 << 40
	}
	return int64(n)
}

// What became of asking a phone for a document that the server has no longer.
const (
	askAgain = 10 * time.Minute // a phone is asked no oftener
	phoneIn  = 5 * time.Second  // a phone that is there answers within
	phoneOut = time.Minute      // until it is looked again whether it has
	mostAsks = 1000
)

// mediaAsks are the documents that a phone was asked for.
type mediaAsks struct {
	mu  sync.Mutex
	all map[types.MessageID]*mediaAsk
}

type mediaAsk struct {
	key      []byte
	at       time.Time
	path     string        // where it is now
	gone     bool          // the phone has it no longer either
	answered chan struct{} // closed then
}

// Download implements bots.Downloader. Only the path that a message gives is
// used, on hosts that the server names: the sender may write what they like.
func (b *Bot) Download(ctx context.Context, id chat.ID, m chat.MessageID, f chat.File, most int64) ([]byte, error) {
	var r ref
	stanza, _, ok := splitMessage(m)
	if !ok || json.Unmarshal([]byte(f.Ref), &r) != nil || len(r.Key) == 0 || !strings.HasPrefix(r.Path, "/") {
		return nil, bots.ErrGone
	}
	if !b.client().IsLoggedIn() {
		return nil, bots.Busy{After: phoneIn}
	}
	data, err := b.download(ctx, r, most)
	if !errors.Is(err, errExpired) {
		return data, err
	}
	if r.Path, err = b.askPhone(ctx, id, stanza, r); err != nil {
		return nil, err
	}
	b.settled(stanza) // where that has ended, too, it is asked again
	if data, err = b.download(ctx, r, most); errors.Is(err, errExpired) {
		return nil, bots.Busy{After: phoneOut}
	}
	return data, err
}

// errExpired means that the server has a document no longer.
var errExpired = errors.New("whatsapp: the server has a document no longer")

func (b *Bot) download(ctx context.Context, r ref, most int64) ([]byte, error) {
	ctx = context.WithValue(ctx, mostKey{}, most+1024) // what encryption adds
	data, err := b.client().DownloadMediaWithPath(ctx, r.Path, r.Encrypted, r.Plain, r.Key, -1, whatsmeow.MediaDocument, "")
	sum := sha256.Sum256(data)
	switch {
	case errors.Is(err, errTooMuch), err == nil && int64(len(data)) > most:
		return nil, bots.ErrTooLarge
	case errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403), errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404), errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410):
		return nil, errExpired
	case errors.Is(err, whatsmeow.ErrInvalidMediaHMAC), errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaSHA256),
		err == nil && !bytes.Equal(sum[:], r.Plain):
		return nil, fmt.Errorf("whatsapp: a document is not what its message says: %w", bots.ErrGone)
	case err != nil:
		return nil, errors.New("whatsapp: a document could not be fetched") // the error holds its address
	}
	return data, nil
}

// settled forgets that a phone was asked.
func (b *Bot) settled(stanza types.MessageID) {
	b.media.mu.Lock()
	defer b.media.mu.Unlock()
	delete(b.media.all, stanza)
}

// askPhone asks the phone that the bot is linked to for a document that the
// server has no longer, and gives where it then is. A phone that is not there
// answers when it is.
func (b *Bot) askPhone(ctx context.Context, id chat.ID, stanza types.MessageID, r ref) (string, error) {
	sender, err := types.ParseJID(r.Sender)
	if err != nil {
		return "", bots.ErrGone
	}
	b.media.mu.Lock()
	ask := b.media.all[stanza]
	fresh := ask == nil || time.Since(ask.at) > askAgain
	if fresh {
		if b.media.all == nil || len(b.media.all) >= mostAsks {
			b.media.all = map[types.MessageID]*mediaAsk{}
		}
		ask = &mediaAsk{key: r.Key, at: time.Now(), answered: make(chan struct{})}
		b.media.all[stanza] = ask
	}
	b.media.mu.Unlock()
	if fresh {
		info := &types.MessageInfo{ID: stanza, MessageSource: types.MessageSource{Chat: groupJID(id), Sender: sender, IsGroup: true}}
		if err := b.client().SendMediaRetryReceipt(ctx, info, r.Key); err != nil {
			b.settled(stanza)
			return "", errors.New("whatsapp: the phone could not be asked for a document")
		}
	}
	wait := time.NewTimer(phoneIn)
	defer wait.Stop()
	select {
	case <-ask.answered:
	case <-wait.C:
	case <-ctx.Done():
	}
	b.media.mu.Lock()
	defer b.media.mu.Unlock()
	switch {
	case ask.gone:
		delete(b.media.all, stanza)
		return "", bots.ErrGone
	case ask.path == "":
		return "", bots.Busy{After: phoneOut}
	}
	return ask.path, nil
}

// mediaAgain takes a phone's answer about a document.
func (b *Bot) mediaAgain(e *events.MediaRetry) {
	b.media.mu.Lock()
	defer b.media.mu.Unlock()
	ask := b.media.all[e.MessageID]
	if ask == nil || ask.gone || ask.path != "" {
		return
	}
	got, err := whatsmeow.DecryptMediaRetryNotification(e, ask.key)
	switch {
	case errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone), err == nil && got.GetResult() == waMmsRetry.MediaRetryNotification_NOT_FOUND:
		ask.gone = true
		close(ask.answered)
	case err == nil && got.GetResult() == waMmsRetry.MediaRetryNotification_SUCCESS && strings.HasPrefix(got.GetDirectPath(), "/"):
		ask.path = got.GetDirectPath()
		close(ask.answered)
	}
}

// mostKey is the key in a context of how many bytes may come.
type mostKey struct{}

var errTooMuch = errors.New("whatsapp: more came than may be fetched")

// sparing is a transport that ends what is longer than may be fetched: the
// library reads all that comes.
type sparing struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.next.RoundTrip(r)
	if most, limited := r.Context().Value(mostKey{}).(int64); err == nil && limited {
		res.Body = &spared{res.Body, most}
	}
	return res, err
}

type spared struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (s *spared) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if s.left -= int64(n); s.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// mediaClient is the client that media is fetched with.
func mediaClient(web *http.Client) *http.Client {
	out := http.Client{}
	if web != nil {
		out = *web
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = sparing{out.Transport}
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

var _ bots.Downloader = (*Bot)(nil)
