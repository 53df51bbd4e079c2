package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"chaperone/config"
	"chaperone/internal/app"
)

// checkCommand reports every fault of a configuration at once.
func checkCommand() *cobra.Command {
	var name string
	var schema bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration: every fault at once, with its line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				_, err := cmd.OutOrStdout().Write(config.Schema())
				return err
			}
			f, err := config.Load(name)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no configuration %s. Write one with: chaperone init", name)
			} else if err != nil {
				return err
			}
			c, err := fromFile(f)
			if err == nil {
				err = joinsOne(c)
			}
			if err != nil {
				return err
			}
			if err := app.Check(c); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is sound: %d chat(s) listed.\n", name, len(f.Chats))
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "config", config.DefaultName, "configuration `FILE`")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the configuration, for editors")
	return cmd
}
