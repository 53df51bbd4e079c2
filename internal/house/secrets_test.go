package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// secrets are names of what somebody has to know to be let in. A comparison
// that stops at the first difference tells how far a guess was right.
var secrets = []string{"secret", "state", "nonce", "verifier", "password", "hmac", "mac", "signature"}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	looked := 0
	for _, f := range sources(t) {
		if !strings.HasPrefix(f.name, "internal/console/signin") && !strings.HasPrefix(f.name, "internal/store/account") && f.pkg != "internal/control" && f.pkg != "internal/access" {
			continue
		}
		looked++
		ast.Inspect(f.ast, func(n ast.Node) bool {
			b, ok := n.(*ast.BinaryExpr)
			if !ok || (b.Op != token.EQL && b.Op != token.NEQ) || literal(b.X) || literal(b.Y) {
				return true
			}
			for _, side := range []ast.Expr{b.X, b.Y} {
				if name := strings.ToLower(nameOf(side)); slices.Contains(secrets, name) {
					t.Errorf("%s:%d compares %s with %s: use crypto/subtle.ConstantTimeCompare", f.name, f.set.Position(b.Pos()).Line, name, b.Op)
				}
			}
			return true
		})
	}
	if looked < 8 {
		t.Errorf("only %d files were looked at", looked)
	}
}

func literal(e ast.Expr) bool {
	_, basic := e.(*ast.BasicLit)
	id, named := e.(*ast.Ident)
	return basic || (named && id.Name == "nil")
}

func nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.CallExpr:
		if len(x.Args) == 1 { // as in q.Get("state"), or a conversion
			if lit, ok := x.Args[0].(*ast.BasicLit); ok {
				return strings.Trim(lit.Value, `"`)
			}
			return nameOf(x.Args[0])
		}
	}
	return ""
}
