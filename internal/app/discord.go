package app

import (
	"fmt"

	"chaperone/bots/discord"
)

// Discord says where the token of the bot is.
type Discord struct {
	Token  string // env:NAME or file:PATH
	APIURL string
}

// joinDiscord makes the bot of the organisation's application.
func (a *App) joinDiscord() error {
	token, err := secret(a.c.Discord.Token)
	if err != nil {
		return fmt.Errorf("bots.discord.token: %w", err)
	}
	a.discord, err = discord.New(discord.Options{
		Token: token, APIURL: a.c.Discord.APIURL, Memory: memory{a.store}, Now: a.now, Log: a.c.Log,
	})
	return err
}

// DiscordLink is the address at which an administrator of a server adds an
// application's bot with exactly what it needs.
func DiscordLink(application string) (string, error) { return discord.Link(application) }
