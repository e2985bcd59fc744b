# SPDX-License-Identifier: MIT
# A session with guest.c, from its first instruction to its end. It also runs against QEMU, so it uses no feature of Rvive
# alone.

# ---- The boot ROM, and the kernel before translation is on
expect rom $pc==0x1000
expect machine-mode $priv==3
stepi
expect step-rom $pc==0x1004
break before_mmu
continue
expect before-mmu $a0==21
expect untranslated $satp==0
expect argument value==21
next
expect next doubled==42
finish
expect finish untouched==0
delete
break enter_user
continue
expect result untouched==43
delete

# ---- Memory and registers
print bytes
expect byte bytes[3]==42
set var bytes[3]=7
expect byte-written bytes[3]==7
set $t6=0x12345678
expect register-written $t6==0x12345678
set $mscratch=0x55aa
expect csr-written $mscratch==0x55aa
stepi
expect csr-kept $mscratch==0x55aa
set $ft3.double=1.5
expect fp-written $ft3.double==1.5
expect misa ($misa&0x100)!=0
expect hartid $mhartid==0
expect frame-pointer $fp==$s0&&$fp==$x8
# IDEs read memory in this way for their memory views.
python view=gdb.execute('interpreter-exec mi "-data-read-memory-bytes &bytes 4"', to_string=True)
python gdb.set_convenience_variable("view", 'contents="00000007"' in view)
expect memory-view $view==1
set $user=0x10000-(long)&user_code
find &user_code, +16, (int)0x00251393
expect find $numfound==1

# ---- A process, identified by its address space: both run at the same addresses
set $space=processes[1].satp
break *($user+(long)&user_ecall) if $satp==$space
continue
expect process-pc $pc==$user+(long)&user_ecall
expect process-space $satp==$space
expect process-mode $priv==0
x/i $pc
maintenance packet Qqemu.PhyMemMode:1
print switches
expect physical switches==1
maintenance packet Qqemu.PhyMemMode:0
continue
expect process-again $satp==$space

# ---- Over the trap and back
stepi
expect step-into-trap $pc==(char*)&trap_entry
expect trap-mode $priv==3
expect trap-cause $mcause==8
expect trap-epc $mepc==$user+(long)&user_ecall
delete
break leave_kernel
continue
expect at-mret $pc==(char*)&leave_kernel
delete
set $next=$mepc
stepi
expect step-over-mret $pc==$next
expect user-mode $priv==0
stepi
expect step-user $pc!=$next
delete
break trap_call
continue
delete

# ---- Many breakpoints, one of which is reached
set $n=0
while $n<49
  hbreak *((long)&never+4*$n)
  set $n=$n+1
end
break on_trap if switches==99
continue
expect many $_thread==1&&switches==99
delete

# ---- Hart 1 writes, hart 0 is the one selected
thread 1
set var limit=1000000
watch shared
set $old=shared
continue
expect watch-hart $_thread==2
expect watch-value shared==$old+1
continue
expect watch-again shared==$old+2
delete
rwatch busy
continue
expect rwatch-hart $_thread==2
delete
watch untouched
awatch bytes[3]
tbreak *finish
set var limit=switches/2*2+100
continue
expect watch-quiet $_thread==1&&$pc==(char*)&finish
delete

