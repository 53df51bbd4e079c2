package detect

import (
	"slices"

	"chaperone/rules"
)

// raise makes findings of one message more severe for standing together: what
// identifies a person weighs more beside what is said of them, or when three
// kinds of it make one person certain. A name itself stays a note.
func raise(found []finding) {
	kinds := make([]string, 0, 8)
	special := false
	for i := range found {
		f := &found[i]
		if f.Confidence < rules.ReportAt {
			continue
		}
		if f.Class == rules.Special {
			special = true
		}
		if f.Class == rules.Personal && !slices.Contains(kinds, f.Category) {
			kinds = append(kinds, f.Category)
		}
	}
	if len(kinds) == 0 || !special && len(kinds) < 3 {
		return
	}
	for i := range found {
		f := &found[i]
		if f.Class != rules.Personal || f.Confidence < rules.ReportAt || f.Category == "person_name" || f.Severity == rules.Serious {
			continue
		}
		f.Severity = rules.Serious
		if special {
			f.Because = append(f.Because, "the message says something of the person besides")
		} else {
			f.Because = append(f.Because, "the message identifies a person in three ways")
		}
	}
}
