package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"chaperone/internal/detect"
	"chaperone/internal/detect/corpus"
	"chaperone/rules"
)

// replay writes two years of a ward's chat as the press described one: 26
// staff, ordinary talk about shifts, 533 entries with a patient's name, of
// which 215 with a phone number, 96 with a date of birth, 28 with an address.
// Everybody in it is invented.
type replay struct {
	r *rand.Rand
	c *corpus.Corpus
}

// entry is one message, and whether it holds what must be found.
type entry struct {
	text    string
	patient bool
}

var (
	replayGiven   = []string{"Agnes", "Morag", "Isla", "Hamish", "Callum", "Fiona", "Eilidh", "Duncan", "Margaret", "Jean", "Isobel", "Archie", "Moira", "Alasdair", "Catriona", "Ruaridh", "Mohammed", "Priya", "Wojciech", "Siobhan"}
	replayFamily  = []string{"Ferguson", "Mackay", "Drummond", "Sinclair", "Buchanan", "Lockhart", "Guthrie", "Laidlaw", "Hussain", "Nowak", "Gallagher", "Paterson", "Urquhart", "Kerr", "Galbraith"}
	replayStreets = []string{"Quarry Brae", "Larkfield Drive", "Station Road", "Mill Wynd", "Abbey Crescent", "Greenhill Terrace"}
	replayClinic  = []string{"needs wound dressing changed tomorrow", "discharged home today, district nurse to visit", "bloods due Friday, on warfarin", "had a fall overnight, daughter told", "started on insulin, needs education", "for catheter change on the early", "admitted with chest pain", "waiting for package of care, dementia", "referred to physio after hip replacement", "allergic to penicillin, chart updated"}
	replayShift   = []string{"anyone able to swap Thursday late for Sunday early?", "running ten behind, traffic", "rota for next month is up", "who has the keys for the drug trolley", "team lunch on the 14th, names please", "fire alarm test at 11, ignore", "can someone cover the early, bank says no", "thanks for a great shift everyone", "kettle is dead again", "handover is in the small room today", "parking is murder this morning", "off sick today sorry", "training moved to room 4", "uniforms have come, collect from the office", "who is on with me tonight?", "happy birthday to our favourite charge nurse", "clinic is running late, 40 mins", "bank holiday rates confirmed by payroll", "new printer code is in the diary", "please sign the off-duty"}
)

func (p replay) pick(of []string) string { return of[p.r.IntN(len(of))] }

func (p replay) patient(n int) string {
	name := p.pick(replayGiven) + " " + p.pick(replayFamily)
	if p.r.IntN(4) == 0 {
		name = p.pick([]string{"Mr ", "Mrs ", "Ms "}) + p.pick(replayFamily)
	}
	text := name
	if n%533 < 96 {
		text += fmt.Sprintf(" dob %02d/%02d/%d", 1+p.r.IntN(28), 1+p.r.IntN(12), 1925+p.r.IntN(60))
	}
	if n%533 >= 505 {
		text += fmt.Sprintf(", %d %s", 1+p.r.IntN(120), p.pick(replayStreets))
	}
	if n%533 >= 200 && n%533 < 415 {
		text += fmt.Sprintf(", %s 07700 900%03d", p.pick([]string{"tel", "daughter on", "phone", "mob", "call"}), p.r.IntN(1000))
	}
	return text + " " + p.pick(replayClinic)
}

func (p replay) entries(talk int) []entry {
	var out []entry
	for n := range 533 {
		out = append(out, entry{p.patient(n), true})
	}
	for range talk {
		text := p.pick(replayShift)
		if p.r.IntN(3) == 0 {
			text = p.c.Ordinary()
		}
		out = append(out, entry{text, false})
	}
	p.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	// The group's first day had an entry.
	if i := slices.IndexFunc(out, func(e entry) bool { return e.patient }); i > 5 {
		out[5], out[i] = out[i], out[5]
	}
	return out
}

// prompts says whether a finding would prompt: a note never does by itself.
func prompts(f rules.Finding) bool {
	return f.Severity != rules.Note && f.Class != rules.Official
}

func TestReplay(t *testing.T) {
	set := builtin(t)
	p := replay{rand.New(rand.NewPCG(2020, 4)), corpus.New(9)}
	found, falseAlarms, first := 0, 0, -1
	entries := p.entries(8000)
	for i, e := range entries {
		hit := slices.ContainsFunc(scan(t, set, e.text, detect.Context{}), prompts)
		switch {
		case hit && e.patient:
			if found++; first < 0 {
				first = i * 730 / len(entries)
			}
		case hit:
			falseAlarms++
			t.Logf("false: %s", e.text)
		case e.patient:
			t.Logf("missed: %s", e.text)
		}
	}
	t.Logf("%d of 533 found, %d false prompts in 8,000 ordinary messages", found, falseAlarms)
	if found < 520 {
		t.Errorf("%d of 533 entries about patients are found, want 520", found)
	}
	if first != 0 {
		t.Errorf("the first prompt comes on day %d of two years, want the first day", first+1)
	}
	if falseAlarms > 10 {
		t.Errorf("%d false prompts, want at most 10", falseAlarms)
	}
}
