package discord

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// Need is a permission of the bot's role, and what is off without it.
type Need struct {
	Name string // as Discord shows it
	For  string

	bit permissions
}

// Needs lists the permissions that the bot's role needs, and no others.
func Needs() []Need {
	return []Need{
		{"View Channels", "being in a channel at all", view},
		{"Send Messages", "posting the notice that it reads there", send},
		{"Send Messages in Threads", "saying in a forum post that a private question waits", sendInThreads},
		{"Read Message History", "catching up after a gap, and finding a prompt again", readHistory},
		{"Manage Messages", "deleting what its sender agreed to, or what is due by a schedule", manageMessages},
		{"Kick Members", "removing leavers", kick},
		{"View Audit Log", "asking whoever added the bot about the server, rather than its owner", viewAudit},
	}
}

// BlockNeed is what blocking before posting needs besides.
func BlockNeed() Need {
	return Need{"Manage Server", "blocking before posting, where it was chosen", manageGuild}
}

// Link is the address at which an administrator of a server adds the bot; with
// blocking before posting, where that was chosen.
func Link(application string, block bool) (string, error) {
	if _, err := strconv.ParseUint(application, 10, 64); err != nil {
		return "", errors.New("the application's id is a number: it stands in the developer portal under General Information")
	}
	var p permissions
	for _, n := range Needs() {
		p |= n.bit
	}
	if block {
		p |= BlockNeed().bit
	}
	q := url.Values{"client_id": {application}, "scope": {"bot applications.commands"}, "permissions": {fmt.Sprint(int64(p))}}
	return "https://discord.com/oauth2/authorize?" + q.Encode(), nil
}
