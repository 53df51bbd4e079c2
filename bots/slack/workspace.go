package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Leaving says what becomes of the accounts of leavers.
type Leaving string

// The ways.
const (
	Channels   Leaving = ""           // nothing: they are taken out of channels alone
	Workspace  Leaving = "workspace"  // an administrator of an Enterprise organisation takes them out of the workspace
	Deactivate Leaving = "deactivate" // their account is deactivated through SCIM
)

// Organisation is what an organisation lets the bot do beyond its channels.
type Organisation struct {
	Leavers Leaving
	Admin   string // user token of an administrator of the organisation, for Workspace
	SCIM    string // token with the scope admin, for Deactivate
}

func (o Organisation) missing() error {
	switch o.Leavers {
	case Channels:
	case Workspace:
		if o.Admin == "" {
			return errors.New("slack: taking leavers out of the workspace needs the token of an administrator of the organisation")
		}
	case Deactivate:
		if o.SCIM == "" {
			return errors.New("slack: deactivating the accounts of leavers needs a token for SCIM")
		}
	default:
		return fmt.Errorf("slack: %q is nothing that can become of the accounts of leavers", o.Leavers)
	}
	return nil
}

// The workspace as a whole is a chat of its own where accounts may be ended:
// nobody speaks there and nothing is read there, but its members can be removed.
// So all that guards a removal guards this one: watching first, named
// administrators, the limits, the yes of two people, holds.

// whole reports whether a chat is the workspace as a whole.
func (b *Bot) whole(local string) bool {
	return b.o.Organisation.Leavers != Channels && local != "" && local == b.self().team
}

// Ends implements bots.Ender.
func (b *Bot) Ends(id chat.ID) bool { return id.Account == Account && b.whole(id.Local) }

// wholeAbilities are those in the workspace as a whole.
func (b *Bot) wholeAbilities() bots.Abilities {
	no := bots.Ability{Why: "This is the workspace as a whole: it is there so that leavers can be removed from it."}
	able := bots.Abilities{bots.Delete: no, bots.Post: no, bots.Remove: {Level: bots.Yes}}
	for _, k := range []bots.Kind{bots.Whisper, bots.Revise, bots.Remind, bots.Tell} {
		able[k] = b.privately()
	}
	return able
}

// stillIn is how long a removal from the workspace waits for those from its
// channels.
const stillIn = 10 * time.Minute

// endAccount ends somebody's account here. It comes last: while they are in a
// channel of the bot's, whatever keeps them there keeps their account.
func (b *Bot) endAccount(ctx context.Context, e bots.Effect) error {
	if string(e.Member) == b.self().user {
		return bots.ErrForbidden
	}
	switch in, err := b.sharedWith(ctx, string(e.Member)); {
	case err != nil:
		return err
	case in > 0:
		b.o.Log.Info("Slack: the account of a leaver stays until they are out of the channels", "channels", in)
		return bots.Busy{After: stillIn}
	}
	if b.o.Organisation.Leavers == Deactivate {
		return b.deactivate(ctx, string(e.Member))
	}
	err := b.callAs(ctx, b.o.Organisation.Admin, "admin.users.remove", url.Values{"team_id": {b.self().team}, "user_id": {string(e.Member)}}, &struct{}{})
	if slices.Contains(refusals, word(err)) { // of another token than the bot's
		return fmt.Errorf("slack: the token of the organisation's administrator: %s: %w", word(err), bots.ErrForbidden)
	}
	return err
}

// sharedWith counts the channels that the bot and somebody are in, but those that
// nobody can be removed from.
func (b *Bot) sharedWith(ctx context.Context, who string) (int, error) {
	mine, err := b.mine(ctx)
	if err != nil {
		return 0, err
	}
	own := map[string]bool{}
	for _, c := range mine {
		own[c.id] = !c.general
	}
	n := 0
	p := &slack.GetConversationsForUserParameters{UserID: who, Types: b.types(), Limit: pageSize, ExcludeArchived: true}
	for {
		list, next, err := b.api.GetConversationsForUserContext(ctx, p)
		if err != nil {
			return 0, outcome(err)
		}
		for i := range list {
			if own[list[i].ID] {
				n++
			}
		}
		if next == "" {
			return n, nil
		}
		p.Cursor = next
	}
}

// deactivate has SCIM deactivate an account. What it wrote stays, and the account
// can be activated again.
func (b *Bot) deactivate(ctx context.Context, who string) error {
	body, err := json.Marshal(map[string]any{"schemas": []string{"urn:scim:schemas:core:1.0"}, "active": false})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, b.scim()+"Users/"+url.PathEscape(who), bytes.NewReader(body))
	if err != nil {
		return errors.New("slack: the address of SCIM is wrong")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+b.o.Organisation.SCIM)
	res, err := b.o.Client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, requestMost))
	switch res.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return nil // whatever it says of the account
	case http.StatusNotFound:
		return bots.ErrGone
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("slack: SCIM answered with %d: %w", res.StatusCode, bots.ErrForbidden)
	case http.StatusTooManyRequests:
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || after <= 0 {
			after = 30
		}
		return bots.Busy{After: time.Duration(after) * time.Second}
	}
	return errors.Join(fmt.Errorf("slack: SCIM answered with %d and %d bytes", res.StatusCode, len(said)), err)
}

// scim is where SCIM is: beside the Web API on a test server, elsewhere on Slack.
func (b *Bot) scim() string {
	if b.o.APIURL == slack.APIURL {
		return "https://api.slack.com/scim/v1/"
	}
	return strings.TrimSuffix(b.o.APIURL, "api/") + "scim/v1/"
}

// accountEnded reports whether somebody has no account here any more.
func (b *Bot) accountEnded(ctx context.Context, who string) (bool, error) {
	u, err := b.api.GetUserInfoContext(ctx, who)
	if word(err) == "user_not_found" {
		return true, nil
	}
	if err != nil {
		return false, outcome(err)
	}
	return u.Deleted, nil
}

// everybody lists the people of the workspace. Guests and people of other
// organisations are not the directory's.
func (b *Bot) everybody(ctx context.Context) ([]bots.Member, error) {
	all, err := b.api.GetUsersContext(ctx)
	if err != nil {
		return nil, outcome(err)
	}
	var out []bots.Member
	for i := range all {
		u := &all[i]
		p := b.learn(u)
		if u.Deleted || p.bot || u.IsRestricted || u.IsUltraRestricted || u.TeamID != b.self().team {
			continue
		}
		out = append(out, bots.Member{ID: chat.MemberID(u.ID), Name: p.name, Email: p.email, Admin: u.IsAdmin || u.IsOwner, Owner: u.IsPrimaryOwner})
	}
	return out, nil
}
