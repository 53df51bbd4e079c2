package discord

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// A file is fetched from where Discord keeps files and from nowhere else, and
// without the token.
func TestFilesAreFetchedFromDiscordAlone(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/attachments/1/2/list.csv", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token came with it")
		}
		_, _ = w.Write([]byte("Name,Street\n"))
	})
	mux.HandleFunc("/attachments/1/2/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/attachments/1/2/list.csv", http.StatusFound)
	})
	host := httptest.NewServer(mux)
	defer host.Close()
	b, err := New(Options{Token: "invented", APIURL: host.URL, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	get := func(link string, most int64) ([]byte, error) {
		return b.Download(context.Background(), chat.ID{}, "none", chat.File{ID: "2", Ref: link}, most)
	}
	const cdn = "https://cdn.discordapp.com/attachments/1/2/"
	if got, err := get(cdn+"list.csv?ex=ffffffff", 100); err != nil || string(got) != "Name,Street\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := get(cdn+"list.csv", 5); !errors.Is(err, bots.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for link, want := range map[string]error{
		host.URL + "/attachments/1/2/list.csv":                bots.ErrForbidden,
		"https://cdn.discordapp.com.evil.example/list.csv":    bots.ErrForbidden,
		"http://cdn.discordapp.com/attachments/1/2/list.csv":  bots.ErrForbidden,
		"https://x@cdn.discordapp.com:99/attachments/1/2/a.b": bots.ErrForbidden,
		cdn + "list.csv?ex=1":                                 bots.ErrGone, // it has ended, and its message is not one
	} {
		if _, err := get(link, 100); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", link, err, want)
		}
	}
	if got, err := get(cdn+"away", 100); err == nil {
		t.Errorf("it followed to %q", got)
	}
}
