package applet

// Nearest is the one of names that is at most a third of its letters away from word, or "".
func Nearest(word string, names []string) string {
	best, least := "", 1<<30
	for _, name := range names {
		if d := distance(word, name); d < least && d <= max(1, len(name)/3) {
			best, least = name, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace, or swap with their neighbour, that make b of a.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
