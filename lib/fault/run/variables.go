package run

// Variable is an environment variable that the commands of a plan are given.
type Variable struct{ Name, Text string }

// Variables are all of them: of loads, check, until, effect, inject, undo, setup, on_failure and the hooks before, held and after.
func Variables() []Variable {
	return []Variable{
		{"FAULT_RUN", "an id of this run: begin keys with it, or those of an earlier run stand in for those of this one"},
		{"FAULT_CASE", "the case's name"},
		{"FAULT_ROUND", "the number of the round"},
		{"FAULT_TARGETS", "the names of the members that are hit, with blanks between them"},
		{"FAULT_MEMBERS", "the names of all members"},
		{"FAULT_DIR", "a directory of the case's own, in the evidence"},
		{"FAULT_REASON", "of on_failure: why the case failed"},
		{LeaseVariable, "the run's lease: with it, fault-tester do in a hook acts for the run"},
		{"KEY", "of a kv: the key that is read or written"},
		{"VALUE", "of a kv: the value that is written"},
		{"OLD", "of the cas of a kv: the value that is to be replaced"},
	}
}
