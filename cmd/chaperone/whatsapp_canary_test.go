package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	whatsapp "chaperone/bots/whatsapp/lab"
)

// TestWhatsAppCanary takes a text through the real program on WhatsApp: it is
// prompted, deleted and erased. Then it can be read in no file, with no key that
// is left, the tables of the library included; before that it can.
func TestWhatsAppCanary(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	n := newNumber(t)
	n.link()
	l := newLab(t, n.binary)
	l.dir = n.dir
	must(t, "moving the key", os.Rename(filepath.Join(n.dir, "data.key"), filepath.Join(n.dir, "key")))
	begin := func() {
		t.Helper()
		if err := l.startWith([]string{"--log-level", "debug", "--config", filepath.Join(n.dir, "chaperone.yaml")}); err != nil {
			t.Fatalf("%v\n%s", err, l.tail())
		}
		n.listens(true)
	}
	const said, quiet = "Ozymandias Quillfeather, NHS number 999 000 0174, is at Zennorvale", "the sandwiches for Hoddlesworth are in the second van"
	// What is in a file is in memory alone, and never anywhere else.
	const filed = "Bartholomew Wrenfield,999 000 0018,Ottershawe"
	h := newHaystack(slices.Concat(needles("what was prompted", said), needles("what was clean", quiet), needles("what was in a file", filed)))
	// As the library writes a message, with its field and length before it.
	sealed := []string{said, quiet, filed, "Name,NHS number,Place\n" + filed + "\n", "\n" + string(rune(len(said))) + said, "\n" + string(rune(len(quiet))) + quiet}
	search := func(when string) map[string]bool {
		t.Helper()
		v := openVault(t, l)
		if b := v.plain["whatsapp.db"]; !bytes.HasPrefix(b, []byte("SQLite format 3\x00")) || !bytes.Contains(b, []byte("whatsmeow_event_buffer")) {
			t.Fatalf("%s: the library's tables were not decrypted: the search is worth nothing", when)
		}
		for name, b := range v.plain {
			for _, what := range append(h.search(b), h.search(v.raw[name])...) {
				t.Errorf("%s %s holds %s", when, name, what)
			}
		}
		began := time.Now()
		defer func() { t.Logf("%d keys, %v", len(v.keys), time.Since(began)) }()
		return v.recover(t, sealed)
	}

	begin()
	n.see(n.sam, "the notice", func(s whatsapp.Seen) bool { return s.Chat == n.group && s.From == officePhone })
	_, err := n.priya.Say(t.Context(), n.group, quiet)
	must(t, "saying", err)
	id, err := n.sam.Say(t.Context(), n.group, said)
	must(t, "saying", err)
	asked := n.see(n.sam, "the prompt", fromBot)
	t.Logf("asked after %v", time.Since(l.began))
	_, err = n.priya.Share(t.Context(), n.group, "list.csv", "text/csv", "", []byte(sealed[3]))
	must(t, "posting a file", err)
	n.see(n.priya, "the prompt about a file", fromBot)
	l.kill() // so that the logs of the databases lie there
	if found := search("while a prompt is open"); !found[said] || !found[sealed[4]] {
		t.Fatalf("what is not erased yet cannot be read: by the product's keys %v, by those of the library's tables %v", found[said], found[sealed[4]])
	} else if found[sealed[2]] || found[sealed[3]] {
		t.Error("what is in a file was written down")
	}

	ring, err := os.ReadFile(filepath.Join(n.dir, "data", "whatsapp.keys"))
	must(t, "reading the keys of what waited", err)
	_, old, ok := bytes.Cut(ring, []byte(`"Key":"`))
	if !ok {
		t.Fatal("there is no key of what waited")
	}
	old = old[:32]

	begin()
	must(t, "deleting", n.sam.Revoke(t.Context(), n.group, samsPhone, id))
	n.see(n.sam, "the end of the prompt", func(s whatsapp.Seen) bool { return fromBot(s) && s.Kind == whatsapp.SeenEdit && s.About == asked.ID })
	must(t, "moving the clock", l.advance(25*time.Minute))
	must(t, "cutting", n.lab.Fault(whatsapp.Fault{Kind: whatsapp.Cut, Number: officePhone, Device: 1})) // keys are forgotten where a connection begins
	must(t, "waiting for it", patiently("the keys of what waited are gone", func() (bool, error) {
		b, err := os.ReadFile(filepath.Join(n.dir, "data", "whatsapp.keys"))
		return !bytes.Contains(b, old), err
	}))
	must(t, "moving the clock", l.advance(24*time.Hour))
	l.stop(t)
	for text := range search("afterwards") {
		t.Errorf("%d bytes of what was said can still be read", len(text))
	}
	if log := l.output(); strings.Contains(log, "Quillfeather") || strings.Contains(log, "999 000 0174") || strings.Contains(log, "Hoddlesworth") {
		t.Error("the log holds what was said")
	}
}
