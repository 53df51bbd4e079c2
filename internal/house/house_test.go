// Package house holds the tests of the house rules: who may import whom, what
// every package says of itself, and how long things may be. No other code
// belongs here.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "chaperone/"

// allowed says what each package may import of ours. A name that ends in "/..."
// stands for everything below; a package that is not listed fails the test, so
// that a new one finds its place here first.
var allowed = map[string][]string{
	"internal/chat":                  {},
	"internal/failpoint":             {},
	"bots":                           {"internal/chat"},
	"bots/botstest":                  {"bots", "internal/chat"},
	"bots/practice":                  {"bots", "internal/chat", "rules"},
	"bots/lane":                      {"bots", "internal/chat"},
	"bots/slack":                     {"bots", "bots/lane", "internal/chat"},
	"bots/whatsapp":                  {"bots", "bots/whatsapp/sessions", "internal/chat"},
	"bots/whatsapp/lab":              {"bots/whatsapp/sessions"}, // its phones are clients of the library, too
	"bots/whatsapp/sessions":         {},
	"bots/slack/lab":                 {},
	"bots/discord":                   {"bots", "bots/lane", "internal/chat"},
	"bots/discord/lab":               {},
	"rules":                          {"internal/chat"},
	"rules/...":                      {},
	"config":                         {"internal/access", "internal/chat", "internal/prompt", "internal/retention"},
	"internal/detect":                {"rules", "internal/chat"},
	"internal/detect/corpus":         {},
	"internal/detect/gate":           {},
	"internal/detect/bench":          {"rules", "internal/detect", "internal/detect/corpus", "internal/detect/gate"},
	"internal/policy":                {"rules", "internal/chat"},
	"internal/prompt":                {"internal/chat", "internal/policy", "rules", "bots"}, // bots: only the values that a member is shown
	"internal/record":                {"internal/chat", "internal/policy"},
	"internal/record/folder":         {"internal/record", "internal/chat"},
	"internal/hold":                  {"internal/chat", "internal/clock"},
	"internal/hold/holdtest":         {"internal/chat", "internal/clock", "internal/hold"},
	"internal/clock":                 {},
	"internal/retention":             {"internal/chat", "internal/clock", "internal/hold", "internal/policy", "rules"},
	"internal/directory":             {"internal/chat"},
	"internal/directory/csv":         {"internal/directory"},
	"internal/audit":                 {"internal/chat"},
	"internal/access":                {},
	"internal/breach":                {"internal/chat"},
	"internal/measure":               {"internal/chat", "internal/policy", "internal/prompt"},
	"internal/control":               {"internal/access"},
	"internal/exports":               {"internal/chat"},
	"internal/assurance":             {},
	"internal/document":              {},
	"internal/document/documenttest": {},

	"internal/directory/directorytest": {"internal/chat", "internal/directory", "internal/directory/csv"},

	"internal/engine": {"bots", "rules", "internal/chat", "internal/detect", "internal/policy", "internal/prompt", "internal/record",
		"internal/hold", "internal/retention", "internal/clock", "internal/directory", "internal/audit", "internal/failpoint", "internal/breach", "internal/measure",
		"internal/document"},
	"internal/store": {"rules", "internal/access", "internal/chat", "internal/engine", "internal/policy", "internal/prompt", "internal/record",
		"internal/hold", "internal/retention", "internal/clock", "internal/directory", "internal/audit", "internal/failpoint", "internal/breach", "internal/measure"},
	"internal/store/storetest": {},
	"internal/console": {"internal/access", "bots", "rules", "internal/chat", "internal/engine", "internal/store", "internal/policy", "internal/prompt",
		"internal/record", "internal/hold", "internal/retention", "internal/directory", "internal/audit", "internal/clock"},
	"internal/cli":  {"config", "rules", "internal/..."},
	"internal/app":  {"bots/...", "bots", "config", "rules", "internal/..."},
	"cmd/chaperone": {"internal/cli"},
	"cmd/chatlab":   {"bots/slack/lab", "bots/discord/lab", "bots/whatsapp/lab"},
}

// file is one parsed Go file that is not a test.
type file struct {
	pkg, name string
	set       *token.FileSet
	ast       *ast.File
}

func sources(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || (strings.HasPrefix(d.Name(), ".") && d.Name() != "..")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, file{path.Dir(rel), rel, set, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func covers(list []string, name string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		below, wild := strings.CutSuffix(p, "/...")
		return p == name || (wild && strings.HasPrefix(name, below+"/"))
	})
}

func TestImports(t *testing.T) {
	for _, f := range sources(t) {
		may, known := allowed[f.pkg]
		if !known {
			may, known = allowed[path.Dir(f.pkg)+"/..."]
		}
		if !known {
			t.Errorf("%s: package %s has no row in the import table: say what it may import", f.name, f.pkg)
			continue
		}
		for _, im := range f.ast.Imports {
			name, ours := strings.CutPrefix(strings.Trim(im.Path.Value, `"`), module)
			if ours && !covers(may, name) {
				t.Errorf("%s imports %s, which the import table does not allow", f.name, name)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsForAndWhatItMustNotDo(t *testing.T) {
	docs := map[string]string{}
	for _, f := range sources(t) {
		if f.ast.Doc != nil {
			docs[f.pkg] += f.ast.Doc.Text()
		} else if _, seen := docs[f.pkg]; !seen {
			docs[f.pkg] = ""
		}
	}
	for pkg, doc := range docs {
		switch {
		case doc == "":
			t.Errorf("package %s has no comment", pkg)
		case !strings.HasPrefix(pkg, "cmd/") && !strings.Contains(doc, "must not") && !strings.Contains(doc, "never") && !strings.Contains(doc, "no other code"):
			t.Errorf("package %s does not say what it must not do", pkg)
		}
	}
}

// The budgets are there to start a thought.
const (
	fileLines     = 600
	functionLines = 60
	methods       = 5
)

func TestBudgets(t *testing.T) {
	for _, f := range sources(t) {
		if n := f.set.Position(f.ast.End()).Line; n > fileLines {
			t.Errorf("%s has %d lines, more than %d", f.name, n, fileLines)
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncDecl:
				if lines := f.set.Position(x.End()).Line - f.set.Position(x.Pos()).Line + 1; lines > functionLines {
					t.Errorf("%s: function %s has %d lines, more than %d", f.name, x.Name, lines, functionLines)
				}
			case *ast.TypeSpec:
				if i, ok := x.Type.(*ast.InterfaceType); ok {
					named := 0
					for _, m := range i.Methods.List {
						named += len(m.Names)
					}
					if named > methods {
						t.Errorf("%s: interface %s has %d methods, more than %d", f.name, x.Name, named, methods)
					}
				}
			}
			return true
		})
	}
}

func TestNoInitAndNoMutablePackageState(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", f.name)
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR || f.pkg == "internal/failpoint" {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if len(v.Values) == 0 && !embedded(g, v) {
					t.Errorf("%s: package variable %s begins empty, so somebody changes it later", f.name, v.Names[0])
				}
			}
		}
	}
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	return (g.Doc != nil && strings.Contains(g.Doc.List[len(g.Doc.List)-1].Text, "go:embed")) ||
		(v.Doc != nil && strings.Contains(v.Doc.List[len(v.Doc.List)-1].Text, "go:embed"))
}

func TestNoBagsOfThings(t *testing.T) {
	bags := []string{"util", "utils", "common", "types", "models", "helpers", "manager", "service"}
	for _, f := range sources(t) {
		if slices.Contains(bags, path.Base(f.pkg)) {
			t.Errorf("%s: a package is named for what is in it", f.pkg)
		}
	}
}

func TestTopLevel(t *testing.T) {
	fixed := []string{"cmd", "bots", "internal", "rules", "config", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE",
		"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bin"}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		made := strings.HasPrefix(e.Name(), "chaperone-") || slices.Contains([]string{".test", ".prof"}, path.Ext(e.Name())) // git does not track these
		if !strings.HasPrefix(e.Name(), ".") && !made && !slices.Contains(fixed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

func TestNamedStepsAreUnderstood(t *testing.T) {
	seen := 0
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				if s, ok := c.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Hit" && len(c.Args) == 1 {
					if _, literal := c.Args[0].(*ast.BasicLit); !literal {
						t.Errorf("%s: a failpoint's name has to be written out: the crash tests read it from here", f.name)
					}
					seen++
				}
			}
			return true
		})
	}
	if seen < 8 {
		t.Errorf("only %d failpoints are left in the path", seen)
	}
}
