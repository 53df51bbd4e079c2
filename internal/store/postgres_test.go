package store

import (
	"testing"

	"chaperone/internal/store/storetest"
)

func TestOnPostgreSQL(t *testing.T) { storetest.OnPostgreSQL(t) }
