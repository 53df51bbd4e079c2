package whatsapp

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
)

// Options is what a bot is made of.
type Options struct {
	DB        *sql.DB       // the bot's own database: keys, sessions, and what its book holds
	KeyFile   string        // holds the keys of what was decrypted and not stored yet
	URL       string        // a WhatsApp on this machine, ws://127.0.0.1:…; empty is the real one
	NoiseRoot string        // the key that such a one is proved by, hexadecimal
	Version   string        // of the client, as it is told to the server; empty is the library's own
	Pace      time.Duration // between two things that the bot does; 0 is no pause
	ColdADay  int           // how many people a day may be written to who never wrote to the bot; 0 is ColdADay
	Log       *slog.Logger
	Now       func() time.Time
}

// ColdADay is how many people may be written to on a day who never wrote to
// the bot. WhatsApp restricts accounts that do so often.
const ColdADay = 20

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ColdADay == 0 {
		o.ColdADay = ColdADay
	}
}

// apply sets what the library keeps for a whole process. It writes only what
// differs: other clients of the process may be reading.
func (o *Options) apply() error {
	if o.Version != "" {
		v, err := store.ParseVersion(o.Version)
		if err != nil {
			return fmt.Errorf("client_version %q: write three numbers, such as 2.3000.1031080782", o.Version)
		}
		if store.GetWAVersion() != v {
			store.SetWAVersion(v)
		}
	}
	if o.NoiseRoot == "" {
		return nil
	}
	if _, err := Loopback(o.URL); err != nil {
		return fmt.Errorf("noise_root: %w", err)
	}
	key, err := hex.DecodeString(o.NoiseRoot)
	if err != nil || len(key) != len(whatsmeow.WACertPubKey) {
		return errors.New("noise_root: write a key of 32 bytes in hexadecimal")
	}
	if whatsmeow.WACertPubKey != [32]byte(key) {
		whatsmeow.WACertPubKey = [32]byte(key)
	}
	return nil
}

// Loopback reads the address of a WhatsApp on this machine, as host:port.
func Loopback(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" {
		return "", fmt.Errorf("%q is no address of a WhatsApp for tests: write ws://127.0.0.1:PORT/ws/chat", address)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || u.Port() == "" {
		return "", fmt.Errorf("%q is not on this machine: only a loopback address is accepted here", address)
	}
	return u.Host, nil
}

// dialler reaches the server that is configured, whatever host is asked for:
// the library has the real one's names built in. Nothing else is reached with
// it. Nil is the real one.
func (o *Options) dialler() (*http.Client, error) {
	if o.URL == "" {
		return nil, nil
	}
	host, err := Loopback(o.URL)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", host)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial}}, nil
}
