#include "textflag.h"

GLOBL to<>(SB), NOPTR, $4

// func handler(fd int32) uintptr
TEXT ·handler(SB), NOSPLIT, $0-16
	MOVW fd+0(FP), R0
	MOVW R0, to<>(SB)
	MOVD $tell<>(SB), R0
	MOVD R0, ret+8(FP)
	RET

// By the C convention: R0 is the signal, RSP the thread's stack for signals, and RET goes to where the kernel resumes what was
// interrupted.
TEXT tell<>(SB), NOSPLIT|NOFRAME, $0
	SUB  $32, RSP
	MOVB R0, 8(RSP)
	MOVW to<>(SB), R0
	ADD  $8, RSP, R1
	MOVD $1, R2
	MOVD $64, R8 // write(2)
	SVC
	ADD  $32, RSP
	RET
