package cli

import (
	"fmt"
	"strings"
	"time"

	"chaperone/internal/app"
)

// examinePolicies looks for packs whose review is overdue.
func examinePolicies(c app.Config, now time.Time) advice {
	packs, err := app.Packs(c.Policies)
	if err != nil {
		return advice{"serious", err.Error(), "chaperone policy test says what is wrong with a pack."}
	}
	var late []string
	for _, p := range packs {
		if p.Overdue(now) {
			late = append(late, fmt.Sprintf("%s was to be reviewed by %s by %s", p.Title, p.Review, p.Owner))
		}
	}
	if len(late) > 0 {
		return advice{"caution", strings.Join(late, "; ") + ".", "Ask the owner for the review. Until then the pack stands as it is."}
	}
	return advice{level: "ok", what: "No policy is overdue for review."}
}
