package http1

// likeness is how close a name comes to another.
type likeness uint8

const (
	distant likeness = iota
	sameLetters
	identical
)

// lookalike returns which of the two fields that frame a name could be taken for without being it, or Other.
func lookalike(name []byte) ID {
	switch similar("transfer-encoding", name) {
	case sameLetters:
		return TransferEncoding
	case identical:
		return Other
	case distant:
	}
	if similar("content-length", name) == sameLetters {
		return ContentLength
	}
	return Other
}

// similar compares a name with target, which is in small letters. Servers have been found to skip control characters
// and whitespace in names, to take any one byte for the dash, to make "_" of "-" before they look a name up, and to
// fold case by Unicode, where "ſ" and "ı" become "s" and "i". So the name has the same letters if it spells the target
// when bytes up to 0x20 between letters and what is no letter at the dash or at either end are left out.
func similar(target string, name []byte) likeness {
	if len(name) < len(target) {
		return distant
	}
	i := nextAlnum(name, 0)
	exact := i == 0 && len(name) == len(target)
	for t := range len(target) {
		if i >= len(name) {
			return distant
		}
		c := target[t]
		equal, next := sameLetter(c, name, i)
		switch {
		case equal:
		case c == '-':
			exact = false
		default:
			return ending(name, i, exact)
		}
		if i = next; c == '-' {
			i = nextAlnum(name, i)
		} else {
			for i < len(name) && name[i] <= ' ' {
				i++
			}
		}
	}
	return ending(name, i, exact)
}

// ending judges what follows the last letter that was as in the target: another letter makes it another name.
func ending(name []byte, i int, exact bool) likeness {
	switch {
	case i >= len(name) && exact:
		return identical
	case nextAlnum(name, i) >= len(name):
		return sameLetters
	}
	return distant
}

// sameLetter compares the letter at name[i] with c, and returns where the next one begins.
func sameLetter(c byte, name []byte, i int) (equal bool, next int) {
	got := name[i]
	if got|0x20 == c && got >= ' ' {
		return true, i + 1
	}
	if i+1 < len(name) {
		switch pair := [2]byte{got, name[i+1]}; {
		case c == 's' && pair == [2]byte{0xc5, 0xbf}, c == 'i' && pair == [2]byte{0xc4, 0xb1}:
			return true, i + 2
		}
	}
	return false, i + 1
}

// nextAlnum returns where the first letter or digit at or after i is, or len(b).
func nextAlnum(b []byte, i int) int {
	for i < len(b) {
		c := b[i]
		if c-'0' <= 9 || (c|0x20)-'a' <= 25 {
			break
		}
		i++
	}
	return i
}
