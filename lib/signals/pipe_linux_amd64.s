#include "textflag.h"

GLOBL to<>(SB), NOPTR, $4

// func handler(fd int32) uintptr
TEXT ·handler(SB), NOSPLIT, $0-16
	MOVL fd+0(FP), AX
	MOVL AX, to<>(SB)
	MOVQ $tell<>(SB), AX
	MOVQ AX, ret+8(FP)
	RET

// By the C convention: DI is the signal, SP the thread's stack for signals, and RET goes to the restorer, from where the kernel
// resumes what was interrupted.
TEXT tell<>(SB), NOSPLIT|NOFRAME, $0
	SUBQ $24, SP
	MOVB DI, 0(SP)
	MOVL to<>(SB), DI
	MOVQ SP, SI
	MOVL $1, DX
	MOVL $1, AX // write(2)
	SYSCALL
	ADDQ $24, SP
	RET
