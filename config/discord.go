package config

import "strings"

// Discord is one application of the organisation, with its bot.
type Discord struct {
	Token  string `yaml:"token" json:"token,omitempty" jsonschema_description:"Where the bot's token is: env:NAME or file:PATH. Empty: Discord is off."`
	APIURL string `yaml:"api_url" json:"api_url,omitempty" jsonschema_description:"Address of the interface, for a test server. Empty: Discord's own."`

	Block []string `yaml:"block" json:"block,omitempty" jsonschema_description:"Ids of rules, such as marking-secret: what they find is stopped by Discord before it is posted, and nobody sees it. At most six, of those that need no check of a number. Empty: nothing is stopped."`
}

// Set reports whether Discord is switched on.
func (d Discord) Set() bool { return d.Token != "" }

func (c *checker) discord() {
	d := c.file.Bots.Discord
	if d.Token != "" && !strings.HasPrefix(d.Token, "env:") && !strings.HasPrefix(d.Token, "file:") {
		c.fault("bots.discord.token", "token: a secret never stands in this file. Write env:NAME or file:PATH, and change the secret")
	}
	if d.APIURL != "" && !safeAddress(d.APIURL) {
		c.fault("bots.discord.api_url", "api_url %q: write an https:// address, or an http:// address of this machine: the token is sent there", d.APIURL)
	}
	if !d.Set() && (d.APIURL != "" || len(d.Block) > 0) {
		c.fault("bots.discord", "Discord needs the bot's token: add token")
	}
}
