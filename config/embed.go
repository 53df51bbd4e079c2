package config

import "embed"

// Files holds the policy packs (policies/*.yaml) and the texts that members
// read (prompts/<language>.yaml) that come with the product.
//
//go:embed policies/*.yaml prompts/*.yaml
var Files embed.FS
