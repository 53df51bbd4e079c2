package console

// Style gives the style sheet, for pages that stand alone, such as the report
// of a scan.
func Style() string {
	b, err := assets.ReadFile("assets/chaperone.css")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}
