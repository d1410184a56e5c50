#include "go_asm.h"
#include "textflag.h"

// func cloneShared(p *Program, first *Call) uintptr
//
// R19 is the program, R20 the call that it is at, R21 how its result is taken. A system call leaves them alone.
TEXT ·cloneShared(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R19
	MOVD first+8(FP), R20
	MOVD $const_sharing, R0
	MOVD ZR, R1
	MOVD ZR, R2
	MOVD ZR, R3
	MOVD ZR, R4
	MOVD $const_cloneCall, R8
	SVC
	CBZ  R0, call
	MOVD R0, ret+16(FP)
	RET

call:
	MOVW Call_How(R20), R21
	MOVD Call_Number(R20), R8
	MOVD (Call_Args+0)(R20), R0
	MOVD (Call_Args+8)(R20), R1
	MOVD (Call_Args+16)(R20), R2
	MOVD (Call_Args+24)(R20), R3
	MOVD (Call_Args+32)(R20), R4
	MOVD ZR, R5
	SVC
	CMN  $4095, R0
	BCS  failed
	CMPW $const_Divide, R21
	BEQ  divided
	CMPW $const_Myself, R21
	BEQ  myself
	CMPW $const_Gated, R21
	BEQ  gated

next:
	ADD  $Call__size, R20
	B    call

divided:
	CBZ  R0, next
	MOVD ZR, R0
	B    leave

myself:
	MOVW R0, (Program_Word+Message_PID)(R19)
	B    next

gated:
	CMP  $1, R0
	BNE  silent
	MOVW (Program_Letter+const_letterFlags)(R19), R0
	ANDW $const_truncated, R0
	CBZW R0, next
	MOVD $const_tooMany, R0
	B    tell

failed:
	CMPW $const_May, R21
	BEQ  next
	CMPW $const_Gated, R21
	BEQ  silent
	NEG  R0, R0

tell:
	MOVW R0, (Program_Word+Message_Errno)(R19)
	MOVW Call_Step(R20), R0
	MOVW R0, (Program_Word+Message_Step)(R19)
	MOVD Program_Report(R19), R0
	ADD  $Program_Word, R19, R1
	MOVD $Message__size, R2
	MOVD $const_writeCall, R8
	SVC

silent:
	MOVD $1, R0

leave:
	MOVD $const_exitCall, R8
	SVC
	B    leave
