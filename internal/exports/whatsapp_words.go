package exports

import (
	"strings"
	"unicode/utf8"
)

// The words that WhatsApp puts in place of what it leaves out. They follow the
// language of the phone; those known here are English, Welsh and the commonest
// others. A phrase that is not known leaves the message "said": its text is
// scanned like every other.

var deletedLines = []string{
	"this message was deleted", "you deleted this message", "null",
	"dilëwyd y neges hon", "dilëwyd y neges yma", "fe wnaethoch chi ddileu'r neges hon",
	"se eliminó este mensaje", "eliminaste este mensaje", "ce message a été supprimé", "diese nachricht wurde gelöscht",
	"mensagem apagada", "questo messaggio è stato eliminato", "ta wiadomość została usunięta",
}

var omitted = []string{
	"<media omitted>", "image omitted", "video omitted", "audio omitted", "sticker omitted", "gif omitted",
	"document omitted", "contact card omitted", "video note omitted", "<cyfryngau wedi'u hepgor>",
	"<multimedia omitido>", "<médias omis>", "<medien ausgeschlossen>", "<mídia oculta>", "<media omessi>", "<pominięto multimedia>",
	"<view once voice message omitted>",
}

var editedMarks = []string{"<This message was edited>", "<Golygwyd y neges hon>"}

// classify tells what a message is from the words that WhatsApp puts in place
// of what it leaves out, and reports whether something was left out.
func classify(m *Message) (leftOut bool) {
	if m.Kind == Said && ordinary(m.Text) {
		return false
	}
	marked := strings.HasPrefix(m.Text, "\u200e")
	plain := strings.TrimSpace(strings.Trim(m.Text, marks))
	for _, mark := range editedMarks {
		if cut, ok := strings.CutSuffix(plain, mark); ok {
			m.Edited = true
			m.Text = strings.TrimRight(cut, marks+" ")
			plain = m.Text
		}
	}
	first, caption, _ := strings.Cut(plain, "\n")
	first = strings.TrimSpace(strings.Trim(first, marks))
	if m.Kind == System {
		if k := systemKind(first); k != "" {
			m.Kind = k
		}
		return false
	}
	lower := strings.ToLower(first)
	for _, d := range deletedLines {
		if rest, ok := strings.CutPrefix(lower, d); ok && (rest == "" || rest == "." || strings.HasPrefix(rest, " by admin")) {
			m.Kind = Deleted
			return false
		}
	}
	for _, o := range omitted {
		if rest, ok := strings.CutSuffix(lower, o); ok && (rest == "" || strings.HasSuffix(rest, " ") || strings.HasSuffix(rest, "\u200e")) {
			m.Kind = Media
			return true
		}
	}
	if name, ok := attached(first); ok {
		m.Kind, m.Files = Media, []string{name}
		return false
	}
	if marked && caption == "" {
		if k := systemKind(first); k != "" {
			m.Kind = k
		}
	}
	return false
}

// ordinary reports whether a text can hold none of the platform's own words:
// most can be told by a glance, and most of the time goes into this question.
func ordinary(text string) bool {
	if strings.Contains(text, "\u200e") || strings.HasSuffix(text, ">") {
		return false
	}
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimRight(first, " ")
	if first == "" {
		return text == first
	}
	switch last := first[len(first)-1]; {
	case last == '>' || last == ')' || last == 'd' && strings.HasSuffix(first, "omitted") || last >= utf8.RuneSelf:
		return false
	case first[0] == ' ' || first[0] >= utf8.RuneSelf:
		return false
	case len(first) > 200:
		return true
	}
	for _, d := range deletedLines {
		if first[0]|0x20 == d[0] && len(first) > 3 && strings.EqualFold(first[1:4], d[1:4]) {
			return false
		}
	}
	return true
}

// attached finds the name of an attached file: "<attached: NAME>" on iOS,
// "NAME (file attached)" on Android.
func attached(line string) (string, bool) {
	for _, word := range []string{"<attached: ", "<atodwyd: ", "<adjunto: ", "<pièce jointe : ", "<Anhang: ", "<allegato: ", "<załączono: "} {
		if _, rest, ok := strings.Cut(line, word); ok {
			if name, ok := strings.CutSuffix(rest, ">"); ok {
				return name, true
			}
		}
	}
	for _, word := range []string{" (file attached)", " (ffeil wedi'i hatodi)", " (archivo adjunto)", " (fichier joint)", " (Datei angehängt)"} {
		if name, ok := strings.CutSuffix(line, word); ok && !strings.Contains(name, "/") {
			return strings.Trim(name, marks), true
		}
	}
	return "", false
}

// systemWords are pieces of what the platform says, and what each tells.
var systemWords = []struct {
	words string
	kind  Kind
}{
	{"joined using", Joined}, {"joined from", Joined}, {"joined the group", Joined}, {"was added", Joined}, {"added you", Joined}, {" joined.", Joined},
	{"left the group", Left}, {"removed from the group", Left}, {"removed you", Left}, {" was removed", Left},
	{"end-to-end encrypted", System}, {"created group", System}, {"created this group", System}, {"changed the subject", System},
	{"changed the group name", System}, {"changed this group's icon", System}, {"changed this group’s icon", System},
	{"changed the group description", System}, {"changed the group's settings", System}, {"security code", System},
	{"turned on disappearing messages", System}, {"turned off disappearing messages", System}, {"updated the message timer", System},
	{"changed their phone number", System}, {"changed to ", System}, {"now an admin", System}, {"no longer an admin", System},
	{"pinned a message", System}, {"started a call", System}, {"requested to join", System}, {"deleted this group's icon", System},
	{"wurde hinzugefügt", Joined}, {" hinzugefügt", Joined}, {"hat die gruppe verlassen", Left}, {" a ajouté ", Joined}, {" a quitté", Left}, {"est parti", Left},
	{" añadió a ", Joined}, {"salió del grupo", Left}, {" ychwanegodd ", Joined}, {"gadael y grŵp", Left}, {"gadawodd ", Left}, {" dodał", Joined}, {"opuścił", Left},
	{"messages and calls are", System}, {"missed voice call", System}, {"missed video call", System}, {"changed the settings", System},
}

// phraseKind tells what the platform says by its longer phrases.
func phraseKind(s string) Kind {
	if len(s) > 400 {
		return ""
	}
	s = strings.ToLower(s)
	for _, w := range systemWords {
		if strings.Contains(s, w.words) {
			return w.kind
		}
	}
	return ""
}

// systemKind tells what a line without a sender, or with the mark of the
// platform, says; nothing for what a person says.
func systemKind(s string) Kind {
	if k := phraseKind(s); k != "" || len(s) > 400 {
		return k
	}
	s = strings.ToLower(strings.Trim(s, marks+" "))
	switch {
	case strings.HasSuffix(s, " left"):
		return Left
	case strings.Contains(s, " added "), strings.HasPrefix(s, "you added "):
		return Joined
	case strings.Contains(s, " removed "):
		return Left
	}
	return ""
}

// phoneOwner stands for "you", the person whose phone made the export.
const phoneOwner = "the owner of this phone"

// movers names who joined or left by a line of the platform in English; in
// other languages the line itself has to do.
func movers(text string) []string {
	line, _, _ := strings.Cut(strings.Trim(text, marks), "\n")
	line = strings.TrimSuffix(strings.Trim(line, marks+spaces), ".")
	if len(line) > 2000 {
		return nil
	}
	for _, verb := range []string{" added ", " removed "} {
		if by, who, ok := strings.Cut(line, verb); ok {
			if by != "" && who != "" {
				return people(who)
			}
			return nil
		}
	}
	for _, verb := range []string{" joined", " left", " was added", " was removed", " were added", " were removed"} {
		if who, rest, ok := strings.Cut(line, verb); ok && (rest == "" || rest[0] == ' ') {
			return people(who)
		}
	}
	return nil
}

// people takes a list of names apart: "Tom, Mair and you".
func people(list string) (out []string) {
	list = strings.TrimSuffix(list, " to the group")
	for part := range strings.SplitSeq(strings.Replace(list, " and ", ", ", 1), ", ") {
		switch part = strings.Trim(part, marks+spaces+"~"); strings.ToLower(part) {
		case "":
		case "you":
			out = append(out, phoneOwner)
		default:
			out = append(out, part)
		}
	}
	return out
}
