package file

// nearest returns the key of a mapping that was most likely meant, or "".
func nearest(parent, key string) string {
	const longest = 32 // of our keys, with room for slips: a hostile file may hold a million others
	return nearestOf(children[parent], key, longest)
}

// nearestOf returns the word that was most likely meant, or "". A word longer than longest is not looked at.
func nearestOf(words []string, key string, longest int) string {
	const slipsMax = 2
	if len(key) > longest {
		return ""
	}
	best, bestDistance := "", slipsMax+1
	for _, known := range words {
		if d := distance(key, known); d < bestDistance && d < len(known) {
			best, bestDistance = known, d
		}
	}
	return best
}

// elsewhere returns the mappings that do know a key, unless they are too many to be of help.
func elsewhere(key string) []string {
	const helpful = 3
	var found []string
	for i := range settings {
		if parent, k := splitPath(settings[i].path); k == key && parent != "" {
			found = append(found, parent)
		}
	}
	if len(found) > helpful {
		return nil
	}
	return found
}

// distance is the number of typing slips between two words: a byte too many, too few or wrong, or two swapped.
func distance(a, b string) int {
	var before []int // the row before last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(last[j+1]+1, row[j]+1)
			if a[i] == b[j] {
				row[j+1] = min(row[j+1], last[j])
			} else {
				row[j+1] = min(row[j+1], last[j]+1)
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
