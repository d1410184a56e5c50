package spawn

// Scheduler is a policy of sched(7), by its number, and the priority in it.
type Scheduler struct{ Policy, Priority int }
