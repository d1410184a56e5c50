#include "go_asm.h"
#include "textflag.h"

// func cloneShared(p *Program, first *Call) uintptr
//
// R12 is the program, R13 the call that it is at, BX how its result is taken. A system call leaves them alone.
TEXT ·cloneShared(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), R12
	MOVQ first+8(FP), R13
	MOVL $const_sharing, DI
	XORL SI, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $const_cloneCall, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  call
	MOVQ AX, ret+16(FP)
	RET

call:
	MOVL Call_How(R13), BX
	MOVQ Call_Number(R13), AX
	MOVQ (Call_Args+0)(R13), DI
	MOVQ (Call_Args+8)(R13), SI
	MOVQ (Call_Args+16)(R13), DX
	MOVQ (Call_Args+24)(R13), R10
	MOVQ (Call_Args+32)(R13), R8
	XORL R9, R9
	SYSCALL
	CMPQ AX, $-4095
	JCC  failed
	CMPL BX, $const_Divide
	JEQ  divided
	CMPL BX, $const_Myself
	JEQ  myself
	CMPL BX, $const_Gated
	JEQ  gated

next:
	ADDQ $Call__size, R13
	JMP  call

divided:
	TESTQ AX, AX
	JEQ  next
	XORL DI, DI
	JMP  leave

myself:
	MOVL AX, (Program_Word+Message_PID)(R12)
	JMP  next

gated:
	CMPQ AX, $1
	JNE  silent
	MOVL (Program_Letter+const_letterFlags)(R12), AX
	ANDL $const_truncated, AX
	JEQ  next
	MOVL $const_tooMany, AX
	JMP  tell

failed:
	CMPL BX, $const_May
	JEQ  next
	CMPL BX, $const_Gated
	JEQ  silent
	NEGQ AX

tell:
	MOVL AX, (Program_Word+Message_Errno)(R12)
	MOVL Call_Step(R13), AX
	MOVL AX, (Program_Word+Message_Step)(R12)
	MOVQ Program_Report(R12), DI
	LEAQ Program_Word(R12), SI
	MOVL $Message__size, DX
	MOVL $const_writeCall, AX
	SYSCALL

silent:
	MOVL $1, DI

leave:
	MOVL $const_exitCall, AX
	SYSCALL
	JMP  leave
