package config

import (
	"encoding/hex"
	"net"
	"net/url"
	"regexp"
)

// WhatsApp is the bot's number there.
type WhatsApp struct {
	Enabled       bool   `yaml:"enabled" json:"enabled,omitempty" jsonschema_description:"Be a linked device of the bot's own number. Link it with: chaperone link whatsapp"`
	Pace          string `yaml:"pace" json:"pace,omitempty" jsonschema_description:"The least time between two things that the bot does there, such as 2s, which is what it is where nothing stands here. WhatsApp restricts numbers that are faster than people."`
	ColdADay      int    `yaml:"cold_a_day" json:"cold_a_day,omitempty" jsonschema_description:"How many people a day may be written to in private who never wrote to the bot; 20 where nothing stands here."`
	ClientVersion string `yaml:"client_version" json:"client_version,omitempty" jsonschema_description:"What the bot says which client it is, such as 2.3000.1031080782. Needed when WhatsApp refuses the one that is built in."`
	URL           string `yaml:"url" json:"url,omitempty" jsonschema_description:"A WhatsApp for tests on this machine, such as ws://127.0.0.1:8431/ws/chat. Nothing here is the real one."`
	NoiseRoot     string `yaml:"noise_root" json:"noise_root,omitempty" jsonschema_description:"The key that the WhatsApp for tests is proved by, in hexadecimal. Only together with url."`
}

var clientVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

func (c *checker) whatsApp() {
	w, at := c.file.Bots.WhatsApp, "bots.whatsapp."
	if _, ok := Length(w.Pace, 0); !ok {
		c.fault(at+"pace", "pace %q is no length of time: write one such as 2s", w.Pace)
	}
	if w.ColdADay < 0 {
		c.fault(at+"cold_a_day", "cold_a_day cannot be less than nothing")
	}
	if w.ClientVersion != "" && !clientVersion.MatchString(w.ClientVersion) {
		c.fault(at+"client_version", "client_version %q: write three numbers, such as 2.3000.1031080782", w.ClientVersion)
	}
	if w.URL != "" && !loopbackSocket(w.URL) {
		c.fault(at+"url", "url %q: only a WhatsApp for tests on this machine stands here, such as ws://127.0.0.1:8431/ws/chat", w.URL)
	}
	if w.NoiseRoot == "" {
		return
	}
	if key, err := hex.DecodeString(w.NoiseRoot); err != nil || len(key) != 32 {
		c.fault(at+"noise_root", "noise_root: write a key of 32 bytes in hexadecimal")
	} else if !loopbackSocket(w.URL) {
		c.fault(at+"noise_root", "noise_root says whom the bot trusts, and is accepted only together with the url of a WhatsApp on this machine")
	}
}

func loopbackSocket(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" || u.Port() == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
