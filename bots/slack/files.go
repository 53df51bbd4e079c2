package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// files are the files of a message that are there to be fetched.
func (m *message) files() []chat.File {
	var out []chat.File
	for _, f := range m.Files {
		if f.Mode == "tombstone" { // it was deleted
			continue
		}
		link := f.Download
		if link == "" {
			link = f.Private
		}
		out = append(out, chat.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: int64(f.Size), Ref: link})
	}
	return out
}

// size is a number of bytes; what is none is not known.
type size int64

// UnmarshalJSON implements json.Unmarshaler.
func (s *size) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*int64)(s)) != nil || *s < 0 {
		*s = 0
	}
	return nil
}

// refiled is the change of a message of which nobody edited the text, and a
// file was deleted.
func refiled(id chat.ID, ts string, now, old *message) []chat.Event {
	if old == nil || len(now.files()) == len(old.files()) {
		return nil
	}
	m := *now
	m.Edited = &edit{TS: ts}
	return []chat.Event{edited(id, &m)}
}

// errElsewhere means that a file is on a host that is not Slack's.
var errElsewhere = fmt.Errorf("slack: the file is not on Slack: %w", bots.ErrForbidden)

// Download implements bots.Downloader. The token goes to hosts of Slack alone,
// and nowhere that one of them points to.
func (b *Bot) Download(ctx context.Context, _ chat.ID, _ chat.MessageID, f chat.File, most int64) ([]byte, error) {
	if !b.may("files:read") {
		return nil, fmt.Errorf("slack: the app has not been given files:read: %w", bots.ErrForbidden)
	}
	link := f.Ref
	if link == "" { // of Slack Connect only the id is told
		if err := b.pace.wait(ctx, "files.info"); err != nil {
			return nil, err
		}
		info, _, _, err := b.api.GetFileInfoContext(ctx, f.ID, 1, 1)
		if err != nil {
			if name := word(err); name == "file_not_found" || name == "file_deleted" {
				return nil, bots.ErrGone
			}
			return nil, outcome(err)
		}
		if link = info.URLPrivateDownload; link == "" {
			link = info.URLPrivate
		}
	}
	u, err := url.Parse(link)
	if err != nil || !b.isSlacks(u) {
		return nil, errElsewhere
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errElsewhere
	}
	req.Header.Set("Authorization", "Bearer "+b.o.BotToken)
	client := *b.o.Client
	client.Timeout = 0 // the caller says how long a file may take
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		return nil, errors.New("slack: a file could not be fetched") // the error holds its address
	}
	defer res.Body.Close()
	if err := refused(res, f); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case err != nil:
		return nil, errors.New("slack: a file came only in part")
	case int64(len(data)) > most:
		return nil, bots.ErrTooLarge
	}
	return data, nil
}

// refused tells why Slack does not give a file. To whoever may not see it Slack
// shows its page for signing in, or points to it.
func refused(res *http.Response, f chat.File) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	page := media == "text/html" && !strings.HasPrefix(strings.ToLower(path.Ext(f.Name)), ".htm") && f.Type != "text/html"
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || after <= 0 {
			after = 30
		}
		return bots.Busy{After: time.Duration(after) * time.Second}
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return bots.ErrGone
	case res.StatusCode >= 500:
		return fmt.Errorf("slack: a file could not be fetched: status %d", res.StatusCode)
	case res.StatusCode != http.StatusOK, page:
		return fmt.Errorf("slack: the bot is not given a file: %w", bots.ErrForbidden)
	}
	return nil
}

// isSlacks reports whether an address is Slack's own: a host of Slack over
// https, or the host whose API the bot uses.
func (b *Bot) isSlacks(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if base, err := url.Parse(b.o.APIURL); err == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host) {
		return true
	}
	host := strings.ToLower(u.Host)
	return u.Scheme == "https" && (host == "slack.com" || strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com"))
}

var _ bots.Downloader = (*Bot)(nil)
