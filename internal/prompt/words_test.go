package prompt_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"chaperone/config"
	"chaperone/internal/prompt"
)

func open3(lang string) (io.ReadCloser, error) {
	return config.Files.Open("prompts/" + lang + ".yaml")
}

func words(t *testing.T) prompt.Words {
	t.Helper()
	w, err := prompt.ReadWords(open3, prompt.Languages()...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// leaves lists the texts of a language by their path. The plural forms of a
// text are one leaf each, under its path.
func leaves(t *testing.T, lang string) map[string][]string {
	t.Helper()
	f, err := open3(lang)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := yaml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	forms := []string{"zero", "one", "two", "few", "many", "other"}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if slices.Contains(forms, k) && v["other"] != nil && path != ".what" {
					out[path] = append(out[path], fmt.Sprint(x))
					continue
				}
				walk(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				out[path] = append(out[path], fmt.Sprint(x))
			}
		default:
			out[path] = append(out[path], fmt.Sprint(v))
		}
	}
	walk("", root)
	return out
}

// Every language has every text that English has, and no other.
func TestNoLanguageLacksAText(t *testing.T) {
	en := leaves(t, prompt.English)
	for _, lang := range prompt.Languages() {
		own := leaves(t, lang)
		for path := range en {
			if len(own[path]) == 0 || own[path][0] == "" {
				t.Errorf("%s lacks %s", lang, path)
			}
		}
		for path := range own {
			if len(en[path]) == 0 {
				t.Errorf("%s has %s, which English has not", lang, path)
			}
		}
	}
}

var field = regexp.MustCompile(`{{[^}]*\.([A-Z][A-Za-z]*)?[^}]*}}`)

// What a text fills in, its translations fill in too: a name that one of them
// drops would be missed by those who read it.
func TestTranslationsFillInTheSame(t *testing.T) {
	fields := func(all []string) string {
		var out []string
		for _, text := range all {
			for _, m := range field.FindAllStringSubmatch(text, -1) {
				if m[1] != "" && m[1] != "Count" && m[1] != "Since" && m[1] != "Until" && !slices.Contains(out, m[1]) {
					out = append(out, m[1])
				}
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	en := leaves(t, prompt.English)
	for _, lang := range []string{prompt.Welsh, prompt.Gaelic} {
		for path, own := range leaves(t, lang) {
			if a, b := fields(en[path]), fields(own); a != b && !strings.HasPrefix(path, ".dates") {
				t.Errorf("%s %s fills in %q, and English %q", lang, path, b, a)
			}
		}
	}
}

// A text with a count has the plural form that its language has for it.
func TestPluralForms(t *testing.T) {
	w := words(t)
	for _, c := range []struct {
		lang string
		n    int
		want string
	}{
		{"en", 1, "1 day"}, {"en", 2, "2 days"},
		{"cy", 1, "1 flwyddyn"}, {"cy", 2, "2 flynedd"}, {"cy", 3, "3 blynedd"}, {"cy", 6, "6 blynedd"}, {"cy", 7, "7 blynedd"},
		{"gd", 1, "1 bhliadhna"}, {"gd", 2, "2 bhliadhna"}, {"gd", 3, "3 bliadhnaichean"}, {"gd", 11, "11 bhliadhna"}, {"gd", 20, "20 bliadhna"},
	} {
		got := w[c.lang].Period(c.n, 0, 0)
		if c.lang == "en" {
			got = w[c.lang].Period(0, 0, c.n)
		}
		if got != c.want {
			t.Errorf("%s for %d: %q, want %q", c.lang, c.n, got, c.want)
		}
	}
	if got := w["cy"].Say("status_open", prompt.Values{Count: 3}); !strings.Contains(got, "3 chwestiwn") {
		t.Errorf("three questions in Welsh: %q", got)
	}
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	for lang, want := range map[string]string{"en": "Sunday 29 November 2026, 02:00", "cy": "dydd Sul 29 Tachwedd 2026, 02:00", "gd": "Didòmhnaich 29mh dhen t-Samhain 2026, 02:00"} {
		if got := w[lang].Moment(at, time.UTC); got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}

// filled puts plausible words in the places of what is filled in.
func filled(text string) string {
	for _, b := range []string{"Ask", "Record", "Link"} { // what stands only where there is something
		text = regexp.MustCompile(`{{(with|if) \.`+b+`}}`).ReplaceAllString(text, "")
	}
	text = strings.NewReplacer("{{end}}", "", "{{else}}", " ", "{{.}}", "Ann").Replace(text)
	return regexp.MustCompile(`{{[^}]*}}`).ReplaceAllString(text, "Ann")
}

// grade is the school grade that a text asks for, by the formula of Kincaid,
// Fishburne, Rogers and Chissom (Derivation of new readability formulas,
// Research Branch Report 8-75, 1975): 0.39 words a sentence and 11.8 syllables a
// word, less 15.59. A syllable is a run of vowels; w and y are vowels in Welsh,
// and a silent e at the end of an English word is none. The age is five years
// more than the grade.
func grade(lang, text string) (float64, int) {
	vowels := "aeiouáàâäéèêëíìîïóòôöúùûü"
	switch lang {
	case prompt.Welsh:
		vowels += "wyŵŷẃẁẅỳÿ"
	case prompt.English:
		vowels += "y"
	}
	n, syllables, sentences := 0, 0, 0
	for _, w := range strings.Fields(strings.ToLower(text)) {
		if strings.ContainsAny(w[len(w)-1:], ".?!:") {
			sentences++
		}
		letters := strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
		if letters == "" {
			continue
		}
		if lang == prompt.English {
			letters = strings.TrimSuffix(letters, "e")
		}
		n++
		runs, in := 0, false
		for _, r := range letters {
			v := strings.ContainsRune(vowels, r)
			if v && !in {
				runs++
			}
			in = v
		}
		syllables += max(runs, 1)
	}
	if n == 0 {
		return 0, 0
	}
	return 0.39*float64(n)/float64(max(sentences, 1)) + 11.8*float64(syllables)/float64(n) - 15.59, n
}

// What members read is for the age of eleven: as a whole, in its middle, and each
// text of twenty words or more. The formula was made for English; of a single
// text in another language, whose words have more syllables, it misses by a year.
const oldest = 11

func missBy(lang string) float64 {
	if lang == prompt.English {
		return 0
	}
	return 1
}

// Whoever is eleven can read what members read, and the words before the fold
// are few.
func TestTextsArePlainAndShort(t *testing.T) {
	score := map[string][]float64{}
	for _, lang := range prompt.Languages() {
		var all []string
		for path, forms := range leaves(t, lang) {
			top, _, _ := strings.Cut(strings.TrimPrefix(path, "."), ".")
			if !slices.Contains([]string{"kinds", "steps", "notes", "say", "posts"}, top) {
				continue
			}
			for _, text := range forms {
				text = filled(text)
				head, _, _ := strings.Cut(text, "\n\n")
				if n := len(strings.Fields(head)); n > 60 && path != ".say.notice_more" { // which stands below the fold
					t.Errorf("%s %s has %d words before the fold: %q", lang, path, n, head)
				}
				all = append(all, text)
				if g, n := grade(lang, text); n >= 20 {
					score[lang] = append(score[lang], g)
					if g+5 > oldest+missBy(lang) {
						t.Errorf("%s %s is for age %.1f: %q", lang, path, g+5, text)
					}
				}
			}
		}
		slices.Sort(score[lang])
		g, _ := grade(lang, strings.Join(all, ". "))
		t.Logf("%s: %d texts, age %.1f as a whole, middle %.1f, hardest %.1f", lang, len(all), g+5, middle(score[lang])+5, score[lang][len(score[lang])-1]+5)
	}
	for _, lang := range prompt.Languages() {
		if m := middle(score[lang]) + 5; m > oldest {
			t.Errorf("%s: the middle of its texts is for age %.1f, over %d", lang, m, oldest)
		}
	}
	// Each text, not only the middle: a sentence may be as hard as this.
	for _, lang := range prompt.Languages() {
		for path, forms := range leaves(t, lang) {
			if !strings.HasPrefix(path, ".say") && !strings.HasPrefix(path, ".kinds") {
				continue
			}
			for _, text := range forms {
				for _, s := range regexp.MustCompile(`[.?!:;]\s`).Split(filled(text), -1) {
					if n := len(strings.Fields(s)); n > 30 {
						t.Errorf("%s %s has a sentence of %d words: %q", lang, path, n, s)
					}
				}
			}
		}
	}
}

func middle(sorted []float64) float64 { return sorted[len(sorted)/2] }

// No first line names what was found: lock screens show it.
func TestNoGreetingNamesACategory(t *testing.T) {
	for _, lang := range prompt.Languages() {
		all := leaves(t, lang)
		for path, forms := range all {
			if !strings.HasPrefix(path, ".greeting") {
				continue
			}
			for _, text := range forms {
				if strings.Contains(text, ".What") {
					t.Errorf("%s %s names what was found", lang, path)
				}
				for p, names := range all {
					if strings.HasPrefix(p, ".categories") && strings.Contains(text, names[0]) {
						t.Errorf("%s %s names %q", lang, path, names[0])
					}
				}
			}
		}
	}
}

// Every text that the code says is there.
func TestEveryTextThatIsSaidIsThere(t *testing.T) {
	en := leaves(t, prompt.English)
	said := regexp.MustCompile(`\.Say\("([a-z_]*[a-z])"`)
	n := 0
	for _, name := range sources(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(b), -1) {
			if n++; len(en[".say."+m[1]]) == 0 {
				t.Errorf("%s says %q, which is no text", filepath.Base(name), m[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d texts were looked up: the test looks in the wrong place", n)
	}
}

func sources(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, name := range []string{"command", "joining", "scam", "selfcheck", "words"} {
		out = append(out, filepath.Join("..", "engine", name+".go"))
	}
	for _, name := range []string{"view", "words"} {
		out = append(out, name+".go")
	}
	return out
}

// What people read in chats stands in the texts and not in code: a string with
// two words or more is only an error, a log line, a query of the texts or a
// pattern.
func TestNothingThatPeopleReadStandsInCode(t *testing.T) {
	two := regexp.MustCompile(`\pL{2,} \pL{2,}`)
	for _, name := range sources(t) {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.FuncDecl:
				return n.Name.Name != "compile" // which tells whoever writes the texts what is wrong with them
			case *ast.Field:
				n.Tag = nil
			case *ast.CallExpr:
				switch call := fmt.Sprint(callee(n)); call {
				case "errors.New", "fmt.Errorf", "Warn", "Error", "Debug", "Format":
					return false
				}
			case *ast.BasicLit:
				if n.Kind != token.STRING {
					return true
				}
				if s, err := strconv.Unquote(n.Value); err == nil && two.MatchString(s) {
					t.Errorf("%s: %q stands in code: put it into the texts", set.Position(n.Pos()), s)
				}
			}
			return true
		})
	}
}

func callee(c *ast.CallExpr) string {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); ok && (x.Name == "errors" || x.Name == "fmt") {
		return x.Name + "." + s.Sel.Name
	}
	return s.Sel.Name
}
