package supervise

// zombiesAreSeen says that the end of a child shows before its exit status is taken.
const zombiesAreSeen = true
