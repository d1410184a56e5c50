package applet

// Operands says what an operand is where it can only be one thing: a value of an option.
type Operands struct {
	Option   string             // the long name of that option
	Commands []string           // the commands behind which it is so, for an applet that has commands
	Check    func(string) error // refuses an operand that could be something else; nil: none could
	Amid     bool               // where they precede a COMMAND: options may stand among them, and -- before COMMAND
	Until    string             // with Amid: the long name of the option behind which all words are a command
}

// Of is the option that an operand behind command stands for, or nil: operands are no option's values then. command is
// "" for an applet without commands.
func (o Operands) Of(options []Option, command string) *Option {
	if o.Option == "" {
		return nil
	}
	for _, c := range o.Commands {
		if c == command {
			return Find(options, o.Option)
		}
	}
	if len(o.Commands) > 0 {
		return nil
	}
	return Find(options, o.Option)
}
