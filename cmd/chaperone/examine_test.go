package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// conclude examines a lab and fails the test for every fault.
func (w *world) conclude(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	for i, f := range w.examine(t) {
		if i == 20 {
			t.Error("and more")
			break
		}
		t.Error(f)
	}
}

// seen is what the platform and the record system have in the end.
type seen struct {
	messages map[string]map[string]messageView // by room and message
	prompts  map[string][]promptView           // by member
	ledger   []ledgerView
	records  []filed
}

// filed is one record as it lies in the folder.
type filed struct {
	ID       string `json:"id"`
	Chat     string `json:"chat"`
	Form     string `json:"form"`
	Messages []struct {
		ID   string `json:"id"`
		File string `json:"file"`
	} `json:"messages"`
	Files []struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
	} `json:"files"`
	at    time.Time // not later than this it stood there
	texts map[string]string
}

func (r filed) holds(room, id string) bool {
	if r.Chat != room {
		return false
	}
	for _, m := range r.Messages {
		if m.ID == id {
			return true
		}
	}
	return false
}

// examine runs the binary unharmed until nothing is left to do, and holds what
// it did against what it should have done.
func (w *world) examine(t *testing.T) []string {
	t.Helper()
	if err := w.l.start(w.env...); err != nil {
		t.Fatalf("the last start: %v\n%s", err, w.l.tail())
	}
	var rooms []string
	for _, room := range w.rooms {
		if w.made[room] {
			rooms = append(rooms, room)
		}
	}
	if err := w.l.settled(30*time.Second, rooms...); err != nil {
		return []string{"lost: " + err.Error()}
	}
	s := w.see(t, rooms)
	w.l.stop(t)
	s.records = w.filedRecords(t)
	w.examineMessages(s)
	w.examineCalls(s)
	w.examinePrompts(s)
	w.examineRevisions(t)
	w.examineRecords(s)
	w.examineCaptures(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("%d messages, %d calls, %d records, %d captures", len(w.kept), len(s.ledger), len(s.records), len(w.captures))
	return w.faults
}

func (w *world) see(t *testing.T, rooms []string) seen {
	t.Helper()
	s := seen{messages: map[string]map[string]messageView{}, prompts: map[string][]promptView{}}
	for _, room := range rooms {
		all, err := w.l.messages(room)
		if err != nil {
			t.Fatal(err)
		}
		s.messages[room] = map[string]messageView{}
		for _, m := range all {
			s.messages[room][m.ID] = m
		}
	}
	var err error
	for _, m := range w.members() {
		if s.prompts[m.ID], err = w.l.prompts(m.ID); err != nil {
			t.Fatal(err)
		}
	}
	if s.ledger, err = w.l.ledger(); err != nil {
		t.Fatal(err)
	}
	return s
}

// filedRecords reads the records and their hashes from the folder.
func (w *world) filedRecords(t *testing.T) []filed {
	t.Helper()
	var out []filed
	err := filepath.WalkDir(w.l.records(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".part") {
			w.fault("half a record was left behind: %s", filepath.Base(path))
			return fs.SkipDir
		}
		if d.Name() != "manifest.json" {
			return nil
		}
		r := filed{texts: map[string]string{}}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &r); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		r.at = info.ModTime()
		for _, f := range r.Files {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), f.Name))
			if err != nil {
				return err
			}
			if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != f.SHA256 {
				w.fault("record %s: %s is not what its hash says", r.ID, f.Name)
			}
			r.texts[f.Name] = string(b)
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatalf("the records: %v", err)
	}
	return out
}

// examineMessages: nothing that the platform has is lost, and each message has
// the decision that its text asks for.
func (w *world) examineMessages(s seen) {
	for _, k := range w.kept {
		if _, ok := s.messages[k.room][k.id]; !ok {
			w.fault("lost: the platform lost message %s of %s", k.id, k.room)
		}
	}
	for room, all := range s.messages {
		for id, m := range all {
			want := "clean"
			if sensitive(m.Text) {
				want = "prompted"
			}
			gone := m.State == "deleted" && m.Decision != "pending"
			if m.Decision != want && !gone {
				w.fault("lost: message %s of %s (%s) is %s, want %s", id, room, m.State, m.Decision, want)
			}
			in := 0
			for _, p := range s.prompts[m.Sender] {
				if p.Room == room && slices.Contains(p.Messages, id) {
					in++
				}
			}
			if in > 1 {
				w.fault("%smessage %s of %s is in %d prompts", repeated, id, room, in)
			}
			if in == 0 && want == "prompted" && m.State != "deleted" {
				w.fault("lost: message %s of %s must prompt, and no prompt shows it", id, room)
			}
		}
	}
}

// examineCalls: every call of the bot is counted, by whatever key, and also one
// that the platform refused because its message had gone.
func (w *world) examineCalls(s seen) {
	posts, done, late := map[string]int{}, map[string]bool{}, map[string]int{}
	for _, e := range s.ledger {
		same := []string{"calls with the key " + e.Key}
		switch e.Effect {
		case "post":
			posts[e.Room]++
		case "delete":
			same = append(same, "deletions of "+e.Message+" in "+e.Room)
			if !w.deletionAsked(s, e) {
				w.fault("nobody asked for the deletion of %s in %s", e.Message, e.Room)
			}
		}
		for _, what := range same {
			if done[what] {
				late[what]++
			}
			done[what] = true
		}
	}
	for room := range s.messages {
		if posts[room] != 1 {
			w.fault("%s%d notices in %s, want 1", repeatedIf(posts[room] > 1), posts[room], room)
		}
	}
	for what, n := range late {
		w.fault("%s%d further %s", repeated, n, what)
	}
}

func repeatedIf(more bool) string {
	if more {
		return repeated
	}
	return "lost: "
}

func (w *world) deletionAsked(s seen, e ledgerView) bool {
	for _, p := range s.prompts[s.messages[e.Room][e.Message].Sender] {
		if p.Room == e.Room && slices.Contains(p.Messages, e.Message) {
			return w.asked[p.ID]["delete"]+w.asked[p.ID]["keep-delete"] > 0
		}
	}
	return false
}

// examinePrompts: each prompt was shown once, reminded of at most once, and
// stands as its messages do.
func (w *world) examinePrompts(s seen) {
	revises, allowed := map[string]int{}, map[string]int{}
	for _, e := range s.ledger {
		switch e.Effect {
		case "revise":
			revises[e.Room+" "+e.Member]++
		case "delete":
			allowed[e.Room+" "+s.messages[e.Room][e.Message].Sender]++
		}
	}
	for _, r := range s.records {
		for _, m := range r.Messages {
			allowed[r.Chat+" "+s.messages[r.Chat][m.ID].Sender]++
		}
	}
	for member, all := range s.prompts {
		shown := 0
		for _, p := range all {
			whispers, reminds := 0, 0
			for _, e := range s.ledger {
				if e.Room == p.Room && e.Member == member && slices.Contains(p.Messages, e.Message) {
					switch e.Effect {
					case "whisper":
						whispers++
					case "remind":
						reminds++
					}
				}
			}
			if whispers != 1 {
				w.fault("%s%d whispers of prompt %s, want 1", repeatedIf(whispers > 1), whispers, p.ID)
			}
			if reminds > 1 {
				w.fault("%s%d reminders of prompt %s", repeated, reminds, p.ID)
			}
			shown += whispers
			allowed[p.Room+" "+member] += 3 // reminded, escalated, lapsed
			w.examineState(s, p)
		}
		total := 0
		for _, e := range s.ledger {
			if e.Effect == "whisper" && e.Member == member {
				total++
			}
		}
		if total != shown {
			w.fault("%s%d whispers to %s, and prompts for %d", repeatedIf(total > shown), total, member, shown)
		}
	}
	for who, n := range revises {
		if most := allowed[who] + w.tried[who]; n > most {
			w.fault("%s%d revisions for %s, and only %d things happened", repeated, n, who, most)
		}
	}
}

// examineState: a prompt about details that are all gone is closed. Deleting a
// decision does not discharge the duty to keep it.
func (w *world) examineState(s seen, p promptView) {
	for _, id := range p.Messages {
		m := s.messages[p.Room][id]
		if m.State != "deleted" && sensitive(m.Text) {
			return
		}
		i := slices.IndexFunc(w.kept, func(k wanted) bool { return k.room == p.Room && k.id == id })
		if i < 0 { // its posting was interrupted: nobody knows what it once said
			return
		}
		for _, text := range w.said[w.kept[i].tally] {
			if strings.HasPrefix(text, "Decision:") {
				return
			}
		}
	}
	if p.State == "open" || p.State == "escalated" {
		w.fault("lost: prompt %s is shown as %s, and nothing is left of its %d messages", p.ID, p.State, len(p.Messages))
	}
}

// examineRevisions: no revision shows again what was shown before it, unless
// something happened in between. What was shown is read from the platform's own
// file.
func (w *world) examineRevisions(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.l.data(), "practice.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	type view struct {
		content string
		still   bool // nothing has happened since it was shown
	}
	last := map[string]*view{}
	for line := range bytes.Lines(b) {
		var o struct {
			Op, Room, Member string
			Shown            json.RawMessage
			Call             struct{ Effect string }
		}
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatal(err)
		}
		var shown struct{ ID string }
		switch {
		case o.Op == "ack":
		case o.Op != "call" || json.Unmarshal(o.Shown, &shown) != nil:
			for _, v := range last { // a person, the clock or a deletion
				v.still = false
			}
		default:
			before := last[shown.ID]
			if o.Call.Effect == "revise" && before != nil && before.still && before.content == string(o.Shown) {
				w.fault("%sprompt %s was revised, and nothing had happened", repeated, shown.ID)
			}
			last[shown.ID] = &view{string(o.Shown), true}
		}
	}
	if len(last) == 0 {
		t.Fatal("no prompt was shown, or the platform's file has another form")
	}
}

// examineRecords: what was filed is what was said, and no oftener than asked.
func (w *world) examineRecords(s seen) {
	prompts := map[string]string{} // by room and message
	for _, all := range s.prompts {
		for _, p := range all {
			for _, id := range p.Messages {
				prompts[p.Room+" "+id] = p.ID
			}
		}
	}
	times := map[string]int{}
	for _, r := range s.records {
		if _, report := r.texts["report.json"]; report { // made by the product, of what was claimed
			continue
		}
		for name, text := range r.texts {
			if !slices.Contains(w.said[tallyOf(text)], text) {
				w.fault("record %s: %s is not what anybody wrote", r.ID, name)
			}
		}
		if len(r.Messages) == 0 || len(r.texts) == 0 {
			w.fault("record %s is empty", r.ID)
			continue
		}
		times[prompts[r.Chat+" "+r.Messages[0].ID]]++
	}
	for id, n := range times {
		if asked := w.asked[id]["keep"] + w.asked[id]["keep-delete"] + w.asked[id]["keep-reason"] + w.asked[id]["note"] + w.asked[id]["exceptional"]; n > asked {
			w.fault("%s%d records for prompt %q, which was answered so %d times", repeated, n, id, asked)
		}
	}
}

// examineCaptures: the captures that nothing else could disturb became exactly
// one record each, with the text, before the deletion.
func (w *world) examineCaptures(s seen) {
	for _, f := range w.captures {
		var records []filed
		for _, r := range s.records {
			if r.holds(f.room, f.id) {
				records = append(records, r)
			}
		}
		where := fmt.Sprintf("the %s of message %s in %s", f.answer, f.id, f.room)
		if len(records) > 1 {
			w.fault("%s%d records for %s", repeated, len(records), where)
		}
		deleted := slices.IndexFunc(s.ledger, func(e ledgerView) bool {
			return e.Effect == "delete" && e.Room == f.room && e.Message == f.id
		})
		if len(records) == 0 {
			if f.given && !lapsed(s, f) {
				w.fault("lost: no record for %s", where)
			}
			if deleted >= 0 {
				w.fault("lost: deleted without a record: %s", where)
			}
			continue
		}
		r, want := records[0], f.text
		if f.note != "" {
			want = f.note
		}
		if texts := slices.Collect(maps.Values(r.texts)); len(texts) != 1 || texts[0] != want {
			w.fault("lost: %s does not hold its text", where)
		}
		switch {
		case f.answer != "keep-delete":
		case deleted < 0:
			w.fault("lost: not deleted: %s", where)
		case !w.clock && s.ledger[deleted].At.Before(r.at.Truncate(time.Millisecond)):
			w.fault("deleted %v before it was filed: %s", r.at.Sub(s.ledger[deleted].At), where)
		}
	}
}

// lapsed reports whether the clock ended a prompt before its answer was read:
// hours pass here between two requests.
func lapsed(s seen, f *flow) bool {
	return slices.ContainsFunc(s.prompts[f.member], func(p promptView) bool {
		return p.Room == f.room && p.State == "lapsed" && slices.Contains(p.Messages, f.id)
	})
}
