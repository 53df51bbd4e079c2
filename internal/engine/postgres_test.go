package engine_test

import (
	"testing"

	"chaperone/internal/store/storetest"
)

func TestOnPostgreSQL(t *testing.T) { storetest.OnPostgreSQL(t) }
