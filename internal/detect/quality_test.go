package detect_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"chaperone/internal/detect"
	"chaperone/rules"
)

var (
	qualitySet   = flag.String("quality.set", "../../../shared/data/detect/dev.jsonl.gz", "labelled messages to score against")
	qualityPreds = flag.String("quality.preds", "", "write the findings to this file, for another scorer")
	qualityWrite = flag.Bool("quality.write", false, "write the table to rules/QUALITY.md")
)

// labelled is one message of the development set.
type labelled struct {
	ID            string   `json:"id"`
	Text          string   `json:"text"`
	Source        string   `json:"source"`
	Labels        []span   `json:"labels"`
	MessageLabels []string `json:"message_labels"`
	Ignore        []string `json:"ignore"`
	Optional      []span   `json:"optional"`
	Tags          []string `json:"tags"`
}

type span struct {
	Category string `json:"category"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
}

func (s span) overlaps(o span) bool {
	return s.Category == o.Category && s.Start < o.End && o.Start < s.End
}

func readLabelled(t testing.TB, path string) []labelled {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("the labelled set is not here: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []labelled
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var m labelled
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

var messageLevel = []string{"health", "special_category", "criminal", "child", "vulnerable_person", "casualty", "decision_significant", "logistics_ok"}

// tally counts one category as the set's scorer does: findings that are right,
// findings, labels that are found, labels, and findings in negatives.
type tally struct{ rightFindings, findings, foundLabels, labels, inNegatives int }

func (t tally) precision() float64 { return ratio(t.rightFindings, t.findings) }
func (t tally) recall() float64    { return ratio(t.foundLabels, t.labels) }
func (t tally) f1() float64 {
	p, r := t.precision(), t.recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// score holds the tallies of a whole run.
type score struct {
	category          map[string]*tally
	real, constructed struct{ messages, alerts, flagged int }
	logisticsPrompts  int
	message           struct{ tp, fp, fn int }
}

func (s *score) of(c string) *tally {
	if s.category[c] == nil {
		s.category[c] = &tally{}
	}
	return s.category[c]
}

func constructedSource(src string) bool {
	return strings.HasPrefix(src, "composed") || strings.HasPrefix(src, "presidio") || strings.HasPrefix(src, "detect_secrets")
}

// add scores one message.
func (s *score) add(m labelled, found []rules.Finding) {
	var alerts []string
	hit := make([]bool, len(m.Labels))
	predicted, seen := map[string]bool{}, map[span]bool{}
	for _, f := range found {
		sp := span{f.Category, f.Start, f.End}
		if slices.Contains(messageLevel, f.Category) {
			predicted[f.Category] = true
			continue
		}
		if seen[sp] {
			continue
		}
		seen[sp] = true
		right := false
		for i, l := range m.Labels {
			if sp.overlaps(l) {
				hit[i], right = true, true
			}
		}
		if !right && (slices.Contains(m.Ignore, f.Category) || slices.ContainsFunc(m.Optional, sp.overlaps)) {
			continue
		}
		t := s.of(f.Category)
		t.findings++
		if right {
			t.rightFindings++
		}
		alerts = append(alerts, f.Category)
	}
	for i, l := range m.Labels {
		t := s.of(l.Category)
		t.labels++
		if hit[i] {
			t.foundLabels++
		}
	}
	alerts = s.addMessageLevel(m, predicted, alerts)
	s.addVerdict(m, alerts)
}

func (s *score) addMessageLevel(m labelled, predicted map[string]bool, alerts []string) []string {
	for _, c := range messageLevel {
		is := slices.Contains(m.MessageLabels, c)
		if predicted[c] && (is || !slices.Contains(m.Ignore, c)) {
			s.of(c).findings++
			if is {
				s.of(c).rightFindings++
			}
			if c != "logistics_ok" {
				alerts = append(alerts, c)
			}
		}
		if is {
			s.of(c).labels++
			if predicted[c] {
				s.of(c).foundLabels++
			}
		}
	}
	return alerts
}

func (s *score) addVerdict(m labelled, alerts []string) {
	logistics := slices.Contains(m.MessageLabels, "logistics_ok")
	positive := len(m.Labels) > 0 || len(m.MessageLabels) > 1 || len(m.MessageLabels) == 1 && !logistics
	switch {
	case positive && len(alerts) > 0:
		s.message.tp++
	case positive:
		s.message.fn++
	case len(alerts) > 0:
		s.message.fp++
	}
	if logistics && len(alerts) > 0 {
		s.logisticsPrompts++
	}
	if positive {
		return
	}
	g := &s.real
	if constructedSource(m.Source) {
		g = &s.constructed
	}
	g.messages++
	g.alerts += len(alerts)
	if len(alerts) > 0 {
		g.flagged++
	}
	for _, c := range alerts {
		s.of(c).inNegatives++
	}
}

// TestQuality scores the built-in rules against a labelled set that is kept
// outside the product, where it is present. It fails when the rules raise more
// false findings than people bear.
func TestQuality(t *testing.T) {
	set := builtin(t)
	messages := readLabelled(t, *qualitySet)
	s := score{category: map[string]*tally{}}
	var preds strings.Builder
	for _, m := range messages {
		if slices.Contains(m.Tags, "hard") {
			continue
		}
		found := scan(t, set, m.Text, detect.Context{})
		s.add(m, found)
		if *qualityPreds != "" {
			writePrediction(t, &preds, m.ID, found)
		}
	}
	table := s.table(len(messages))
	t.Log("\n" + table)
	if *qualityPreds != "" {
		if err := os.WriteFile(*qualityPreds, []byte(preds.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if *qualityWrite {
		if err := os.WriteFile("../../rules/QUALITY.md", []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.checkTargets(t)
	if per := 1000 * ratio(s.real.alerts, s.real.messages); per > 1 {
		t.Errorf("%.2f false findings in 1,000 messages of real chat, more than 1", per)
	}
	if per := 1000 * ratio(s.constructed.alerts, s.constructed.messages); per > 20 {
		t.Errorf("%.2f false findings in 1,000 near-misses, more than 20", per)
	}
	if s.logisticsPrompts > 0 {
		t.Errorf("%d logistics messages are flagged, want none", s.logisticsPrompts)
	}
}

// targets are the recall and precision that a category must reach: the forms
// of numbers and markings are fixed, what people say of each other is not.
func target(category string) float64 {
	switch category {
	case "secret":
		return 0.90
	case "person_name":
		return 0.80
	case "scam_link", "health", "special_category", "criminal", "child", "vulnerable_person", "casualty", "decision_significant":
		return 0.85
	}
	return 0.95
}

// checkTargets holds every category against its target. Where labels are few
// a single one may be missed: some are a bare value that nothing tells apart.
func (s *score) checkTargets(t *testing.T) {
	for c, got := range s.category {
		if c == "logistics_ok" {
			continue
		}
		want := target(c)
		if missed := got.labels - got.foundLabels; float64(missed) > max(1, (1-want)*float64(got.labels)) {
			t.Errorf("%s: %d of %d labels are missed, recall %.3f where %.2f is wanted", c, missed, got.labels, got.recall(), want)
		}
		if wrong := got.findings - got.rightFindings; float64(wrong) > max(1, (1-want)*float64(got.findings)) {
			t.Errorf("%s: %d of %d findings are wrong, precision %.3f where %.2f is wanted", c, wrong, got.findings, got.precision(), want)
		}
	}
}

func writePrediction(t *testing.T, w *strings.Builder, id string, found []rules.Finding) {
	t.Helper()
	if found == nil {
		found = []rules.Finding{}
	}
	line, err := json.Marshal(map[string]any{"id": id, "findings": found})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(append(line, '\n'))
}

// table prints the score for people.
func (s *score) table(messages int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Quality of the built-in rules\n\nMeasured on the development set (%d messages, kept outside the product) by `make quality`, with the rules of its scorer. The rules were worked on with this set at hand: expect less on text of other kinds. On other texts, written without looking at what the rules do with them and now in internal/detect/testdata/life.txt: at first sight 370 of 464 values and statements were found; after the rules had learnt the language of two thirds of those, 142 of the 160 in the last third; then 83 of 85 in a further set, with nothing found in 73 messages that hold nothing.\n\nFive more sets, in internal/detect/testdata/fresh*.txt, ask whether somebody would be prompted. At first sight: of the first, 134 of 152 messages that deserve it, 26 of 45 decisions, and 7 of 452 ordinary messages in vain; of the second, written after the rules had learnt from the first, 100 of 114, 19 of 45 and 8 of 409; of the third, after the second, 34 of 40, 29 of 40 and 1 of 40. The fourth has four parts that say the same in words as different as could be thought of, each read by rules that had learnt from those before: 34 of 36, 22 of 40 and 0 of 70; then 12 of 12, 11 of 25 and 0 of 30; then 13 of 35 decisions and 0 of 30 in vain; then 6 of 25 and 1 of 25. A fifth, of every kind, in forms that the others do not have: 36 of 40, 10 of 24 decisions and 0 of 100 in vain; after the rules had learnt from its first half, of the second 18 of 20, 7 of 12 (5 before) and 0 of 50, though both halves and the rules are by one hand. Decisions in words that nobody has thought of remain the weakest: expect about half of them to be found, and fewer where people avoid the usual words.\n\nLogistics is known and never reported, so it has no findings here.\n\n", messages)
	b.WriteString("| category | labels | findings | precision | recall | F1 | in negatives |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	var all, places tally
	var names []string
	for c := range s.category {
		names = append(names, c)
	}
	sort.Strings(names)
	for _, c := range names {
		t := s.category[c]
		fmt.Fprintf(&b, "| %s | %d | %d | %.3f | %.3f | %.3f | %d |\n", c, t.labels, t.findings, t.precision(), t.recall(), t.f1(), t.inNegatives)
		if c == "logistics_ok" {
			continue
		}
		all.plus(*t)
		if !slices.Contains(messageLevel, c) {
			places.plus(*t)
		}
	}
	fmt.Fprintf(&b, "| all | %d | %d | %.3f | %.3f | %.3f | %d |\n", all.labels, all.findings, all.precision(), all.recall(), all.f1(), all.inNegatives)
	fmt.Fprintf(&b, "| places | %d | %d | %.3f | %.3f | %.3f | %d |\n", places.labels, places.findings, places.precision(), places.recall(), places.f1(), places.inNegatives)
	fmt.Fprintf(&b, "\nFalse findings in 1,000 messages of real chat: %.2f (of %d). In 1,000 constructed near-misses: %.2f (of %d). Logistics messages flagged: %d.\n",
		1000*ratio(s.real.alerts, s.real.messages), s.real.messages, 1000*ratio(s.constructed.alerts, s.constructed.messages), s.constructed.messages, s.logisticsPrompts)
	m := s.message
	fmt.Fprintf(&b, "\nMessages: precision %.3f, recall %.3f.\n", ratio(m.tp, m.tp+m.fp), ratio(m.tp, m.tp+m.fn))
	return b.String()
}

func (t *tally) plus(o tally) {
	t.rightFindings += o.rightFindings
	t.findings += o.findings
	t.foundLabels += o.foundLabels
	t.labels += o.labels
	t.inNegatives += o.inNegatives
}
