// Package digest is SHA-256 for the few bytes of a name or a command line. Package crypto/sha256 is faster, and brings a random
// generator, two more hashes and a cipher into every program for the self-tests of FIPS 140.
package digest

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Size is the length of a digest in bytes.
const Size = 32

// Sum256 is the SHA-256 of data: FIPS 180-4, section 6.2.
func Sum256(data []byte) (sum [Size]byte) {
	h, k := constants()
	const block = 64
	padded := append(append([]byte(nil), data...), 0x80)
	for len(padded)%block != block-8 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(padded, uint64(len(data))*8)
	for ; len(padded) > 0; padded = padded[block:] {
		compress(&h, &k, padded[:block])
	}
	for i, word := range h {
		binary.BigEndian.PutUint32(sum[4*i:], word)
	}
	return sum
}

// compress takes one block into the state.
func compress(h *[8]uint32, k *[64]uint32, block []byte) {
	var w [64]uint32
	for t := range w {
		if t < 16 {
			w[t] = binary.BigEndian.Uint32(block[4*t:])
			continue
		}
		s0 := turn(w[t-15], 7) ^ turn(w[t-15], 18) ^ w[t-15]>>3
		s1 := turn(w[t-2], 17) ^ turn(w[t-2], 19) ^ w[t-2]>>10
		w[t] = s1 + w[t-7] + s0 + w[t-16]
	}
	v := *h // a to h of the standard
	for t := range w {
		choice := v[4]&v[5] ^ ^v[4]&v[6]
		majority := v[0]&v[1] ^ v[0]&v[2] ^ v[1]&v[2]
		one := v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + choice + k[t] + w[t]
		two := (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + majority
		v = [8]uint32{one + two, v[0], v[1], v[2], v[3] + one, v[4], v[5], v[6]}
	}
	for i := range h {
		h[i] += v[i]
	}
}

func turn(x uint32, right int) uint32 { return bits.RotateLeft32(x, -right) }

// constants are the first 32 bits of the fractions of the square and cube roots of the first primes: sections 4.2.2 and 5.3.3.
// The roots are below 20, so that of a float64 more than 45 bits are their fraction's.
func constants() (h [8]uint32, k [64]uint32) {
	fraction := func(f float64) uint32 { return uint32((f - math.Floor(f)) * (1 << 32)) }
	n := 0
	for p := 2; n < len(k); p++ {
		if !prime(p) {
			continue
		}
		if n < len(h) {
			h[n] = fraction(math.Sqrt(float64(p)))
		}
		k[n] = fraction(math.Cbrt(float64(p)))
		n++
	}
	return h, k
}

func prime(p int) bool {
	for d := 2; d*d <= p; d++ {
		if p%d == 0 {
			return false
		}
	}
	return true
}
