package proc

type guards struct{}

func (*guards) add([]*Handle) {}

func (*guards) release() {}

func (*guards) is(int) bool { return false }
