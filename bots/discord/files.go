package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// attachment is a file of a message. Its address is signed, and ends.
type attachment struct {
	ID   string `json:"id"`
	Name string `json:"filename"`
	Type string `json:"content_type"`
	Size size   `json:"size"`
	URL  string `json:"url"`
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

// files are the files of a message.
func (m *message) files() []chat.File {
	var out []chat.File
	for _, f := range m.Files {
		out = append(out, chat.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: int64(f.Size), Ref: f.URL})
	}
	return out
}

// hosts are where Discord keeps the files that people post.
var hosts = []string{"cdn.discordapp.com", "media.discordapp.net"}

// errExpired means that the address of a file is good no longer.
var errExpired = errors.New("discord: the address of a file has ended")

// Download implements bots.Downloader. Where the address has ended, the message
// is asked for a new one, once.
func (b *Bot) Download(ctx context.Context, id chat.ID, m chat.MessageID, f chat.File, most int64) ([]byte, error) {
	data, err := b.download(ctx, f.Ref, most)
	if !errors.Is(err, errExpired) {
		return data, err
	}
	at := placeOf(id.Local, m)
	if !snowflake(at.message) || !snowflake(at.channel) {
		return nil, bots.ErrGone
	}
	var now message
	if err := b.get(ctx, discordgo.EndpointChannelMessage(at.channel, at.message), &now); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(now.Files, func(a attachment) bool { return a.ID == f.ID })
	if i < 0 {
		return nil, bots.ErrGone
	}
	if data, err = b.download(ctx, now.Files[i].URL, most); errors.Is(err, errExpired) {
		return nil, bots.ErrGone
	}
	return data, err
}

// download fetches what stands at an address of Discord's own. It needs no
// token, and gets none.
func (b *Bot) download(ctx context.Context, link string, most int64) ([]byte, error) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || !slices.Contains(hosts, u.Host) {
		return nil, fmt.Errorf("discord: the file is not on Discord: %w", bots.ErrForbidden)
	}
	if until, err := strconv.ParseInt(u.Query().Get("ex"), 16, 64); err == nil && !b.o.Now().Before(time.Unix(until, 0)) {
		return nil, errExpired
	}
	if to, err := url.Parse(b.o.APIURL); err == nil && to.Host != "" {
		u.Scheme, u.Host = to.Scheme, to.Host
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("discord: the file is not on Discord: %w", bots.ErrForbidden)
	}
	client := *b.o.Client
	client.Timeout = 0 // the caller says how long a file may take
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		return nil, errors.New("discord: a file could not be fetched") // the error holds its address
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return nil, errExpired
	case res.StatusCode == http.StatusTooManyRequests:
		after, err := strconv.ParseFloat(res.Header.Get("Retry-After"), 64)
		if err != nil || after <= 0 || after > 3600 {
			after = 30
		}
		return nil, bots.Busy{After: time.Duration(after * float64(time.Second))}
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("discord: a file could not be fetched: status %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case err != nil:
		return nil, errors.New("discord: a file came only in part")
	case int64(len(data)) > most:
		return nil, bots.ErrTooLarge
	}
	return data, nil
}

var _ bots.Downloader = (*Bot)(nil)
