package audit

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestProof(t *testing.T) {
	j := filled(t, 50, 20)
	last := j.checkpoints[len(j.checkpoints)-1]
	for i, data := range j.rows {
		p, err := Prove(data, last, j.verifying, j)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Proof
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		e, c, err := back.Verify(j.verifying)
		if err != nil || e.Index != int64(i) || c.Size != 50 {
			t.Fatalf("entry %d: %+v, %v", i, e, err)
		}
		for name, bad := range map[string]Proof{
			"another entry":      {bytes.Replace(data, []byte("deleted"), []byte("present"), 1), p.Path, p.Checkpoint},
			"another place":      {j.rows[(i+1)%50], p.Path, p.Checkpoint},
			"another checkpoint": {data, p.Path, string(j.checkpoints[0])},
			"a hash less":        {data, p.Path[1:], p.Checkpoint},
			"no hash":            {data, append([]string{"x"}, p.Path[1:]...), p.Checkpoint},
		} {
			if _, _, err := bad.Verify(j.verifying); err == nil {
				t.Errorf("entry %d, %s: accepted", i, name)
			}
		}
	}
	if _, err := Prove(j.rows[30], j.checkpoints[0], j.verifying, j); err == nil {
		t.Error("a checkpoint from before the entry proves it")
	}
	if _, _, err := (Proof{j.rows[0], nil, string(last)}).Verify(newJournal(t).verifying); err == nil {
		t.Error("accepted under another key")
	}
}
