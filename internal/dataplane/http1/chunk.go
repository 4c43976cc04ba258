package http1

import "math/bits"

// nextChunked reads framing up to the next payload (RFC 9112 §7.1).
func (y *Body) nextChunked(b []byte) Step {
	i := 0
	for i < len(b) && y.state != chunkData {
		if y.state == chunkLast && b[i] != '\r' {
			y.state = chunkTrailers
		}
		if y.state == chunkTrailers {
			return Step{Skip: i, Event: EventTrailers}
		}
		if f := y.chunkByte(b[i]); f != NoFault {
			return Step{Skip: i, Event: EventReset, Fault: f}
		}
		i++
		if y.state == bodyEnded {
			return Step{Skip: i, Event: EventEnd, End: true}
		}
	}
	if y.state != chunkData {
		return Step{Skip: i}
	}
	n := int(min(y.left, int64(len(b)-i)))
	if y.left -= int64(n); y.left == 0 {
		y.state = chunkDataCR
	}
	return data(i, n)
}

// chunkByte reads one byte of framing. Lines end in CR LF only: RFC 9112 §2.2 lets LF alone end a line of a head, not
// one of these, and on the difference rest several ways to smuggle.
func (y *Body) chunkByte(c byte) Fault {
	switch y.state {
	case chunkSize:
		return y.sizeByte(c)
	case chunkExtension:
		return y.extensionByte(c)
	case chunkSizeEnd:
		if c != '\n' {
			return ChunkLineEnd
		}
		return y.endChunkLine()
	case chunkDataCR:
		if c != '\r' {
			return ChunkDataEnd
		}
		y.state = chunkDataLF
	case chunkDataLF:
		if c != '\n' {
			return ChunkDataEnd
		}
		y.state, y.left, y.digits, y.line = chunkSize, 0, 0, 0
	case chunkLast: // CR, as nextChunked saw
		y.state = chunkLastLF
	case chunkLastLF:
		if c != '\n' {
			return ChunkDataEnd
		}
		y.state = bodyEnded
	case bodyEnded, bodyLength, bodyUntilClose, chunkData, chunkTrailers:
	}
	return NoFault
}

// sizeByte reads a byte of a chunk size or the one behind it. §7.1.1 would have a recipient skip whitespace before the
// ";", which nobody may send; it is refused because the line may be passed on, and net/http for one does not skip it.
func (y *Body) sizeByte(c byte) Fault {
	y.line++
	if d := hexDigit(c); d < 16 {
		if y.digits++; y.digits > chunkDigitsMax || y.left>>59 != 0 {
			return ChunkSizeLarge
		}
		y.left = y.left<<4 | int64(d)
		return NoFault
	}
	switch {
	case y.digits == 0:
		return ChunkSizeBad
	case c == '\r':
		y.state = chunkSizeEnd
	case c == ';':
		y.state = chunkExtension
	case c == '\n':
		return ChunkLineEnd
	default:
		return ChunkSizeBad
	}
	return NoFault
}

// extensionByte reads a byte of chunk extensions, which have no meaning here (§7.1.1).
func (y *Body) extensionByte(c byte) Fault {
	if y.line++; y.line > chunkLineMax {
		return ChunkLineLong
	}
	switch {
	case c == '\r':
		y.state = chunkSizeEnd
	case charClass[c]&isText == 0:
		return ChunkLineEnd
	}
	return NoFault
}

// endChunkLine decides what follows the line, and settles what it cost.
func (y *Body) endChunkLine() Fault {
	if y.left == 0 {
		y.state = chunkLast
		return NoFault
	}
	y.state = chunkData
	y.excess += int32(y.line) + 1 + chunkLineOverhead - chunkFree // at most chunkLineMax each, so no overflow
	y.excess = int32(max(0, int64(y.excess)-y.left))
	if y.excess > chunkExcessMax {
		return ChunkOverhead
	}
	return NoFault
}

// LastChunk ends a chunked body without trailers. With trailers, it is LastChunkLine that precedes them.
const (
	LastChunk     = "0\r\n\r\n"
	LastChunkLine = "0\r\n"
	ChunkEnd      = "\r\n" // follows the data of a chunk
)

// ChunkLineSize is the most that AppendChunkLine appends.
const ChunkLineSize = 16 + len("\r\n")

// AppendChunkLine appends the line that precedes size bytes of chunk data. size must be above 0, as a chunk without data
// is the last.
func AppendChunkLine(dst []byte, size int) []byte {
	if size <= 0 {
		panic("http1: a chunk must have data")
	}
	const digits = "0123456789abcdef"
	for shift := (bits.Len(uint(size)) - 1) &^ 3; shift >= 0; shift -= 4 {
		dst = append(dst, digits[size>>shift&15])
	}
	return append(dst, '\r', '\n')
}
