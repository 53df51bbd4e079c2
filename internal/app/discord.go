package app

import (
	"fmt"
	"slices"

	"chaperone/bots/discord"
	"chaperone/rules"
)

// Discord says where the token of the bot is.
type Discord struct {
	Token  string // env:NAME or file:PATH
	APIURL string
	Block  []string // ids of rules: what they find is stopped before it is posted
}

// joinDiscord makes the bot of the organisation's application.
func (a *App) joinDiscord() error {
	token, err := secret(a.c.Discord.Token)
	if err != nil {
		return fmt.Errorf("bots.discord.token: %w", err)
	}
	var block []discord.Block
	list, err := rules.LoadDir(a.c.RulesDir)
	if err == nil {
		block, err = blocks(a.c.Discord.Block, list)
	}
	if err != nil {
		return fmt.Errorf("bots.discord.block: %w", err)
	}
	a.discord, err = discord.New(discord.Options{
		Token: token, APIURL: a.c.Discord.APIURL, Block: block, Memory: memory{a.store}, Now: a.now, Log: a.c.Log,
	})
	return err
}

// blocks makes of rules what Discord can be asked to block. It knows neither
// checks of numbers nor what stands around a value, so that a rule which needs
// these would block what is harmless.
func blocks(ids []string, all []rules.Rule) ([]discord.Block, error) {
	var out []discord.Block
	for _, id := range ids {
		i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no rule %q", id)
		}
		r := all[i]
		if r.Validate != "" || r.Context.Alone < rules.ReportAt {
			return nil, fmt.Errorf("%s: Discord cannot check what this rule checks, and would block what is harmless", id)
		}
		out = append(out, discord.Block{Name: id, Patterns: r.Patterns, Allowed: r.Context.Never})
	}
	return out, discord.CheckBlocks(out)
}

// DiscordLink is the address at which an administrator of a server adds an
// application's bot with exactly what it needs.
func DiscordLink(application string, block bool) (string, error) {
	return discord.Link(application, block)
}
