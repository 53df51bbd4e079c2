package exports

import (
	"strings"

	"golang.org/x/net/html"
)

// html reads a page block by block: eDiscovery and many viewers give chats in
// this form, each in a layout of its own, so senders and times are not told
// from the text. They stand in it, and everything in it is scanned.
func (s *source) html(out *sink) {
	z := html.NewTokenizer(s.r)
	z.SetMaxBuf(maxText)
	var b blocks
	n := 0
	flush := func() bool {
		text := b.take()
		if text == "" {
			return true
		}
		n++
		return out.send(Message{ID: s.name + "#" + itoa(n), Chat: s.chat, Kind: Said, Text: text, File: s.name})
	}
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			flush()
			if err := z.Err(); err != nil && err.Error() != "EOF" {
				out.broken(s.name, "it cannot be read to its end: "+reason(err))
			}
			return
		default:
			if b.token(z, kind) && !flush() {
				return
			}
		}
	}
}

// blocks gathers the text between the tags that begin a new block.
type blocks struct {
	text   strings.Builder
	silent int // depth within script and style
}

// token takes one token and reports whether a block ended.
func (b *blocks) token(z *html.Tokenizer, kind html.TokenType) bool {
	switch kind {
	case html.TextToken:
		if b.silent == 0 {
			b.text.Write(z.Text())
		}
	case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
		raw, _ := z.TagName()
		switch name := string(raw); name {
		case "script", "style":
			if kind == html.StartTagToken {
				b.silent++
			} else if b.silent > 0 {
				b.silent--
			}
		case "br":
			b.text.WriteByte('\n')
		case "td", "th", "span", "time", "dd", "dt":
			b.text.WriteByte(' ')
		case "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "section", "article", "table", "ul", "ol", "body", "title", "pre":
			return true
		}
	}
	return b.text.Len() > maxText/2
}

// take gives the block's text, entities resolved and white space collapsed.
func (b *blocks) take() string {
	text := html.UnescapeString(b.text.String())
	b.text.Reset()
	var lines []string
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// htmlText gives the text of a short piece of HTML, a line for each block.
func htmlText(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	z := html.NewTokenizer(strings.NewReader(s))
	var b blocks
	var lines []string
	for {
		kind := z.Next()
		if kind == html.ErrorToken || b.token(z, kind) {
			if t := b.take(); t != "" {
				lines = append(lines, t)
			}
		}
		if kind == html.ErrorToken {
			return strings.Join(lines, "\n")
		}
	}
}
