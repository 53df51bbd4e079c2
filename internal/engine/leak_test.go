package engine_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/record/folder"
	"chaperone/rules"
)

// planting is what one member of a leak test says, and the value in it.
type planting struct{ what, text, value string }

// plantings are an example of every rule that there is.
func plantings(t *testing.T) []planting {
	all, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	var out []planting
	for _, r := range all {
		if len(r.Examples.Hit) == 0 {
			continue
		}
		p := planting{what: r.ID, text: r.Examples.Hit[0]}
		found, err := set.Scan(t.Context(), p.text, detect.Context{})
		if err != nil {
			t.Fatal(err)
		}
		personal := r.Class == rules.Personal || r.Class == rules.Special || r.Class == rules.Credential
		if i := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Rule == r.ID }); i >= 0 && personal {
			p.value = p.text[found[i].Start:found[i].End]
		}
		out = append(out, p)
	}
	return append(out, planting{"a mixed message", "decision: move Ozymandias Quillfeather, NHS number 999 123 4543, to the hall because the river is rising", "Ozymandias Quillfeather"},
		planting{"SECRET", "SECRET: the convoy leaves from Zennorvale at dusk", "Zennorvale"})
}

// words is everything that an effect says.
func words(e bots.Effect) []string {
	out := []string{e.Text, e.Key}
	p := e.Prompt
	if p == nil {
		return out
	}
	out = append(out, p.Title, p.Body, p.Note, p.More, p.Policy, p.Ask)
	out = append(out, p.Found...)
	for _, s := range p.Steps {
		out = append(out, s.Text, s.Help)
	}
	for _, a := range p.Answers {
		out = append(out, a.Label)
	}
	return out
}

// quietBuffer is a log that is written from several sides.
type quietBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (q *quietBuffer) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.b.Write(p)
}

// No text of a message, nothing that was found in one and nothing that a member
// wrote with an answer is in any prompt, post, report or line of the log, for
// every rule and every kind of prompt (DESIGN invariant 5).
func TestNothingOfAMessageIsInAnyPromptReportOrLog(t *testing.T) {
	bot, log, dir := newFaulty(), &quietBuffer{}, t.TempDir()
	bot.fail = func(_ int, e bots.Effect) (bool, error) {
		if e.Member == "p7" && e.Kind != bots.Delete {
			return false, bots.ErrForbidden // lets nobody write to them privately
		}
		return true, nil
	}
	filer, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	rooms := []chat.ID{{Account: "faulty", Local: "team"}, {Account: "faulty", Local: "emergency"}}
	h := startAs(t, bot, bot, nil, func(o *engine.Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Filer, o.Pace = filer, prompt.Pace{Daily: 3, Digest: 16 * time.Hour}
		boss := hold.Member{Account: "faulty", ID: "boss"}
		o.Officers = engine.Officers{Answers: boss, Governance: boss, Security: boss, RecordsTeam: boss, HeadOfUnit: boss}
		o.Setting = func(id chat.ID) engine.Setting {
			s := engine.Setting{Acting: true, Kind: chat.Team, Administrators: []string{"boss"}}
			if id == rooms[1] {
				s.Kind = chat.Emergency
			}
			s.Contacts = engine.Contacts{Outsiders: []chat.MemberID{"p9"}, Delegates: map[chat.MemberID]chat.MemberID{"p4": "boss", "p10": "boss"}}
			return s
		}
	})
	all := plantings(t)
	var waiting []chat.Event
	give := func(events ...chat.Event) { waiting = append(waiting, events...) }
	catchUp := func() {
		t.Helper()
		if err := h.Receive(t.Context(), waiting); err != nil {
			t.Fatal(err)
		}
		waiting = nil
		if err := h.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	move := func(d time.Duration) {
		t.Helper()
		if err := h.MoveClock(t.Context(), "the test", d, func() error { h.shift(d); return nil }); err != nil {
			t.Fatal(err)
		}
		catchUp()
	}
	n := 0
	for _, in := range rooms {
		give(chat.Event{Key: "boss", Kind: chat.Joined, Chat: in, Member: "boss", Name: "Nasreen", At: h.now()})
	}
	post := func(in chat.ID, i int) {
		n++
		who := chat.MemberID(fmt.Sprint("p", i))
		give(chat.Event{Key: fmt.Sprint("e", n), Kind: chat.Posted, Chat: in, Member: who, Name: "Hesketh", Message: chat.MessageID(fmt.Sprint("m", n)),
			Text: all[i].text, At: h.now()})
	}
	for i := range all {
		post(rooms[0], i)
		post(rooms[1], i)
	}
	catchUp()
	for range 4 { // more than a day has room for
		move(5 * time.Minute)
		for i := range 12 {
			post(rooms[0], i)
		}
		catchUp()
	}
	answers := []string{"more", "ask", "exceptional", "wrong", "", "keep", "keep-reason", "note", "keep-delete", "deleted", "", "not-sensitive", "control"}
	open, err := h.store.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, sh := range open {
		n++
		var at int
		_, _ = fmt.Sscanf(string(sh.Author()), "p%d", &at)
		give(chat.Event{Key: fmt.Sprint("e", n), Kind: chat.Answered, Chat: sh.Chat, Member: sh.Member, Prompt: sh.ID, Answer: answers[i%len(answers)],
			Text: "because " + all[at].text, At: h.now()})
		// An answer of somebody else, and one to what is not there.
		give(chat.Event{Key: fmt.Sprint("f", n), Kind: chat.Answered, Chat: sh.Chat, Member: "boss", Prompt: sh.ID, Answer: "wrong", Text: all[at].text, At: h.now()},
			chat.Event{Key: fmt.Sprint("g", n), Kind: chat.Answered, Chat: sh.Chat, Member: sh.Member, Prompt: all[at].text, Answer: all[at].text, At: h.now()})
	}
	catchUp()
	for _, d := range []time.Duration{24 * time.Hour, 25 * time.Hour, 25 * time.Hour, 5 * 24 * time.Hour, 15 * 24 * time.Hour} {
		move(d)
	}
	var hay []string
	bot.mu.Lock()
	kinds := map[string]bool{}
	for _, e := range bot.ledger {
		hay = append(hay, words(e)...)
		if e.Prompt != nil {
			kinds[e.Prompt.Body] = true
		}
	}
	bot.mu.Unlock()
	reports := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		b, err := os.ReadFile(path)
		if hay = append(hay, string(b)); strings.HasSuffix(path, "report.json") {
			reports++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	log.mu.Lock()
	hay = append(hay, log.b.String())
	log.mu.Unlock()
	whole := strings.ToLower(strings.Join(hay, "\n"))
	if len(kinds) < 15 || reports == 0 || !strings.Contains(whole, "it has no effect") {
		t.Errorf("%d different bodies of prompts and %d reports: too little was tried", len(kinds), reports)
	}
	for _, p := range all {
		for _, s := range []string{p.text, p.value} {
			if s = strings.ToLower(s); len(s) >= 5 && strings.Contains(whole, s) {
				i := strings.Index(whole, s)
				t.Errorf("%s is told: …%q…", p.what, whole[max(0, i-60):min(len(whole), i+len(s)+20)])
			}
		}
	}
	t.Logf("%d texts, %d bodies, %d reports, %d bytes searched", len(all), len(kinds), reports, len(whole))
}
