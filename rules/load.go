package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed packs/*.yaml
var packs embed.FS

// pack is one file of rules. Its lists and parts may be used by every pack
// that is loaded together with it.
type pack struct {
	Title string              `yaml:"title"`
	Notes string              `yaml:"notes"`
	Lists map[string][]string `yaml:"lists"` // words, for {name} in a pattern or list:name in a context
	Parts map[string]string   `yaml:"parts"` // pieces of pattern, for {name}
	Rules []yaml.Node         `yaml:"rules"`
}

// entry is a rule as it is written in a file.
type entry struct {
	Rule     `yaml:",inline"`
	Override bool `yaml:"override"` // changes the built-in rule of this id
	Off      bool `yaml:"off"`      // switches the built-in rule of this id off
}

// Builtin returns the rules that come with Chaperone. The tests have checked
// them.
func Builtin() ([]Rule, error) {
	l := newLoader()
	l.readAll(packs, "packs", "")
	return l.finish()
}

// LoadDir returns the built-in rules as the organisation's own directory
// changes them: every *.yaml file in it may add rules, override built-in ones
// (override: true, then only what changes) and switch them off (off: true).
// An empty dir means no directory. Every fault of every file is reported.
func LoadDir(dir string) ([]Rule, error) {
	if dir == "" {
		return Builtin()
	}
	l := newLoader()
	l.readAll(packs, "packs", "")
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("the rules directory cannot be read: %w", err)
	}
	l.own = true
	l.readAll(os.DirFS(dir), ".", dir)
	l.readModulus(dir)
	return l.finish()
}

// loader gathers packs in two layers, the built-in ones and the
// organisation's, and every fault on the way.
type loader struct {
	own    bool // reading the organisation's layer
	rules  []Rule
	index  map[string]int  // id -> place in rules
	first  map[string]bool // ids of this layer, to tell a duplicate from an override
	named  map[string]bool // names of its lists and parts
	lists  map[string][]string
	parts  map[string]string
	off    map[string]bool
	faults []error

	modulus *Modulus // Vocalink's tables, where the organisation has them
}

func newLoader() *loader {
	return &loader{index: map[string]int{}, first: map[string]bool{}, named: map[string]bool{}, lists: map[string][]string{},
		parts: map[string]string{"given-name": nameStarts()}, off: map[string]bool{}}
}

func (l *loader) fault(file string, line int, rule, format string, args ...any) {
	l.faults = append(l.faults, Fault{File: file, Line: line, Rule: rule, Reason: fmt.Sprintf(format, args...)})
}

func (l *loader) readAll(fsys fs.FS, dir, shown string) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil {
		l.faults = append(l.faults, err)
		return
	}
	clear(l.first)
	clear(l.named)
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			l.faults = append(l.faults, err)
			continue
		}
		l.read(path.Join(shown, name), data)
	}
}

// readModulus takes in Vocalink's tables, where the organisation has them.
func (l *loader) readModulus(dir string) {
	weights, err := os.ReadFile(filepath.Join(dir, "valacdos.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.faults = append(l.faults, err)
		return
	}
	var subs io.Reader
	switch data, err := os.ReadFile(filepath.Join(dir, "scsubtab.txt")); {
	case err == nil:
		subs = bytes.NewReader(data)
	case !errors.Is(err, fs.ErrNotExist):
		l.faults = append(l.faults, err)
	}
	m, faults := ReadModulus(bytes.NewReader(weights), subs)
	for _, f := range faults {
		f.File = path.Join(dir, f.File)
		l.faults = append(l.faults, f)
	}
	l.modulus = m
}

// read takes one file in. A file that is not YAML at all gives one fault; the
// rest of the files are still read.
func (l *loader) read(file string, data []byte) {
	var p pack
	ld, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err == nil {
		err = ld.Load(&p)
	}
	if err != nil {
		l.yamlFaults(file, 0, "", err)
		return
	}
	for name, words := range p.Lists {
		l.name(file, name)
		l.lists[name] = words
	}
	for name, part := range p.Parts {
		l.name(file, name)
		l.parts[name] = part
	}
	for i := range p.Rules {
		l.readRule(file, &p.Rules[i])
	}
}

// name takes note of the name of a list or part, which a layer gives once.
func (l *loader) name(file, name string) {
	if l.named[name] {
		l.fault(file, 0, "", "the name %s is given twice, to lists or parts: call one of them something else", name)
	}
	l.named[name] = true
}

func (l *loader) readRule(file string, n *yaml.Node) {
	var head struct {
		ID       string `yaml:"id"`
		Override bool   `yaml:"override"`
		Off      bool   `yaml:"off"`
	}
	if err := n.Load(&head); err != nil {
		l.yamlFaults(file, n.Line, "", err)
		return
	}
	e := entry{}
	at, exists := l.index[head.ID]
	if exists && head.Override {
		e.Rule = l.rules[at]
	}
	if err := n.Load(&e, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		l.yamlFaults(file, n.Line, head.ID, err)
		return
	}
	e.File, e.Line = file, n.Line
	switch {
	case head.ID == "":
		l.fault(file, n.Line, "", "a rule needs an id")
	case l.first[head.ID]:
		l.fault(file, n.Line, head.ID, "this id is used twice; give one of them another")
	case (head.Override || head.Off) && !exists:
		l.fault(file, n.Line, head.ID, "there is no built-in rule of this id to override or switch off")
	case exists && !head.Override && !head.Off:
		l.fault(file, n.Line, head.ID, "a built-in rule has this id; say override: true to change it, or choose another id")
	case head.Off:
		l.off[head.ID] = true
	case exists:
		l.rules[at] = e.Rule
	default:
		l.index[head.ID] = len(l.rules)
		l.rules = append(l.rules, e.Rule)
	}
	l.first[head.ID] = true
}

// yamlFaults turns what the YAML loader says into faults, one for each of its
// reasons where it gives several.
func (l *loader) yamlFaults(file string, line int, rule string, err error) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		for _, e := range many.Errors {
			l.fault(file, max(e.Mark.Line, line), rule, "%s", e.Message)
		}
		return
	}
	l.fault(file, line, rule, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
}

// finish expands lists and parts, and returns the rules that are on, or every
// fault. It checks every rule where an organisation has its own: their lists
// and parts change ours too.
func (l *loader) finish() ([]Rule, error) {
	var on []Rule
	for _, r := range l.rules {
		if l.off[r.ID] {
			continue
		}
		l.expand(&r)
		if r.Validate == "bank-pair" && l.modulus != nil {
			r.Own = l.modulus.Check
		}
		if l.own {
			for _, reason := range Check(r) {
				l.fault(r.File, r.Line, r.ID, "%s", reason)
			}
		}
		on = append(on, r)
	}
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	return on, nil
}

// maxPattern is the longest pattern that is taken, lists and parts included.
const maxPattern = 64 << 10

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9-]*)\}`)

func (l *loader) expand(r *Rule) {
	r.Patterns = slices.Clone(r.Patterns)
	for i := range r.Patterns {
		r.Patterns[i] = l.expandPattern(r, plain(r.Patterns[i]))
	}
	for _, words := range []*[]string{&r.Context.Words, &r.Context.Also, &r.Context.Against, &r.Context.Never} {
		*words = l.expandWords(r, *words)
	}
}

// expandPattern puts lists and parts in the place of their names, parts within
// parts too.
func (l *loader) expandPattern(r *Rule, p string) string {
	for range 8 {
		if !placeholder.MatchString(p) {
			return p
		}
		length := len(p)
		p = placeholder.ReplaceAllStringFunc(p, func(m string) string {
			piece := l.piece(r, m[1:len(m)-1])
			if length += len(piece); length > maxPattern {
				return ""
			}
			return piece
		})
		if length > maxPattern {
			break
		}
	}
	l.fault(r.File, r.Line, r.ID, "its parts contain each other, or make a pattern longer than %d characters", maxPattern)
	return ""
}

// piece gives the expression that a name stands for.
func (l *loader) piece(r *Rule, name string) string {
	if part, ok := l.parts[name]; ok {
		return "(?:" + part + ")"
	}
	if words, ok := l.lists[name]; ok {
		return WordsPattern(words)
	}
	l.fault(r.File, r.Line, r.ID, "there is no list or part called %q", name)
	return ""
}

func (l *loader) expandWords(r *Rule, in []string) []string {
	var out []string
	for _, w := range in {
		name, isList := strings.CutPrefix(w, "list:")
		if !isList {
			out = append(out, plain(w))
			continue
		}
		words, ok := l.lists[name]
		if !ok {
			l.fault(r.File, r.Line, r.ID, "there is no list called %q", name)
		}
		for _, w := range words {
			out = append(out, plain(w))
		}
	}
	return out
}

// WordsPattern gives the expression that matches any of the words, whatever
// their case: a space stands for any short white space or hyphen, an
// apostrophe may be left out, a final * stands for any ending, and {name} for
// a part.
func WordsPattern(words []string) string {
	alts := make([]string, 0, len(words))
	for _, w := range words {
		stem, any := strings.CutSuffix(plain(w), "*")
		var q strings.Builder
		at := 0
		for _, m := range placeholder.FindAllStringIndex(stem, -1) {
			q.WriteString(quoteWords(stem[at:m[0]]) + stem[m[0]:m[1]])
			at = m[1]
		}
		q.WriteString(quoteWords(stem[at:]))
		if any {
			q.WriteString(`[a-z]*`)
		}
		alts = append(alts, q.String())
	}
	return "(?i:" + strings.Join(alts, "|") + ")"
}

func quoteWords(w string) string {
	return strings.NewReplacer(" ", `[ \-\n]{1,2}`, "'", "'?").Replace(regexp.QuoteMeta(w))
}

// Check says everything that is wrong with a rule by itself. Whether its
// examples hold is for the engine to prove.
func Check(r Rule) []string {
	var bad []string
	add := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if !validID.MatchString(r.ID) {
		add("an id is lower-case words joined by hyphens, such as uk-nhs")
	}
	if _, ok := Categories()[r.Category]; !ok {
		add("%q is no category", r.Category)
	}
	if r.Title == "" {
		add("it needs a title: what people call the thing")
	}
	if !r.Class.Valid() {
		add("%q is no class", r.Class)
	}
	if r.Severity != Note && r.Severity != Caution && r.Severity != Serious {
		add("severity is note, caution or serious, not %q", r.Severity)
	}
	if r.Source == "" {
		add("it needs a source: where the form is laid down")
	}
	if len(r.Examples.Hit) == 0 || len(r.Examples.Miss) == 0 {
		add("it needs at least one hit and one miss among its examples")
	}
	if r.Validate != "" && Validators()[r.Validate].Check == nil {
		add("there is no validator called %q", r.Validate)
	}
	bad = append(bad, checkContext(r.Context, Least(r))...)
	if len(r.Patterns) == 0 {
		add("it needs a pattern")
	}
	for _, p := range r.Patterns {
		if reason := checkPattern(p); reason != "" {
			add("pattern %q: %s", p, reason)
		}
	}
	return bad
}

// Least is the confidence from which a rule counts as having found something:
// ReportAt, and less for logistics, which is known and never reported.
func Least(r Rule) float64 {
	if r.Class == Logistical {
		return 0.4
	}
	return ReportAt
}

var validID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func checkContext(c Context, least float64) []string {
	var bad []string
	if c.Alone < 0 || c.Alone > 1 || c.With < 0 || c.With > 1 || c.Lone < 0 || c.Lone > 1 {
		bad = append(bad, "confidence is between 0 and 1")
	}
	if max(c.Alone, c.With, c.Lone) < least {
		bad = append(bad, fmt.Sprintf("it can never be reported: neither alone nor with reaches %.1f", least))
	}
	if c.With > 0 && len(c.Words) == 0 && len(c.Findings) == 0 {
		bad = append(bad, "with says how sure a signal makes it, but there are no words and no findings")
	}
	for _, f := range c.Findings {
		if _, ok := Categories()[f]; !ok {
			bad = append(bad, fmt.Sprintf("findings names %q, which is no category", f))
		}
	}
	switch c.Reach {
	case "", Phrase, Sentence, Message, Sender:
	default:
		bad = append(bad, fmt.Sprintf("reach is phrase, sentence, message or sender, not %q", c.Reach))
	}
	return bad
}

func checkPattern(p string) string {
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return err.Error() + " (patterns are RE2: no look-around, no back-references)"
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return err.Error()
	}
	if !canMatch(prog) {
		return "it can match nothing: its anchors contradict each other, or it needs a character that texts are never read as (they are read without accents, in plain letters)"
	}
	if matchesNothing(prog) {
		return "it matches the empty text"
	}
	return ""
}
